package nodes_test

import (
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// What another node sends is not checked again: while a new release is rolled out, nodes with two lists serve clients of
// both.
func TestSendsOfOtherNodes(t *testing.T) {
	const came wsgate.Event[string] = "came"
	const gone wsgate.Event[string] = "gone"
	broker := new(local.Broker)
	node := func(sends ...wsgate.Outgoing) *kit.App {
		r := kit.RouteTo("/", &kit.EventGateway{})
		r.Sends = sends
		app := kit.NewApp(t, &wsgate.Options{Broker: broker}, r)
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return app
	}
	before, after := node(came), node(gone)
	client := kit.Dialed(t, after, "/")
	if err := came.Emit(before.Hub(), "ada"); err != nil {
		t.Fatal(err)
	}
	client.Hears(`{"type":"came","data":"ada"}`)
	if err := came.Emit(after.Hub(), "ada"); err == nil {
		t.Error("the node has sent what its own list has not")
	}
}
