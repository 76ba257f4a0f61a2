package wsgate_test

import (
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// Who does what the error of a Room or a Hub says has no error any more.
func TestAdviceOfErrors(t *testing.T) {
	app := kit.NewAppOf(t, nil, &wsgate.Module{Gateways: []wsgate.Route{kit.RouteTo("/tracked", &trackedGateway{}), {Path: "/plain", New: newFine}}})
	hub := app.Hub()
	userless := kit.NewAppOf(t, nil, gatewayAt("/plain", newFine)).Hub()
	count := func(r wsgate.Room) error { _, err := wsgate.Count(t.Context(), r); return err }
	send := func(to wsgate.Target) error { return sayText.Emit(to, "x") }
	for _, test := range []struct {
		name        string
		wrong, then error
		want        string
	}{
		{"nobody is tracked", count(hub.At("/plain").Room("x")), count(hub.At("/tracked").Room("x")), "put Track into its gateway's Events"},
		{"no room is named", count(hub.At("/tracked")), count(hub.At("/tracked").Room("x")), "get one with Room(name)"},
		{"a zero Room", send(wsgate.Room{}), send(hub.At("/plain")), "get one from a connection or from Hub.At"},
		{"no such path", send(hub.At("/x")), send(hub.At("/plain")), "there are /plain, /tracked"},
		{"no users", send(userless.User("ann")), send(hub.User("ann")), "a method UserID() string"},
	} {
		if test.wrong == nil || !strings.Contains(test.wrong.Error(), test.want) {
			t.Errorf("%s: got %v, want an error with %q", test.name, test.wrong, test.want)
		}
		if test.then != nil {
			t.Errorf("%s: got %v when the advice was followed", test.name, test.then)
		}
	}
}
