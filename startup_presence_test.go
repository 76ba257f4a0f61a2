package wsgate_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// Data whose UserID is not what tells a user.
type (
	saltedUser struct{}
	numberUser struct{}
	camelUser  struct{}
	someUser   struct{}
)

func (saltedUser) UserID(string) string { return "" }
func (*numberUser) UserID() int         { return 0 } // on the pointer
func (camelUser) UserId() string        { return "" }
func (someUser) UserID() string         { return "" }

// upgrading is a gateway with nothing but OnUpgrade.
type upgrading struct{}

func (*upgrading) OnUpgrade(*http.Request) (numberUser, error) { return numberUser{}, nil }

// opening is a gateway with data of type D, and these bindings if it has any.
type opening[D any] struct{ table []wsgate.Binding[D] }

func (*opening[D]) OnOpen(context.Context, *wsgate.Conn[D]) error { return nil }

func (g *opening[D]) Events() wsgate.Events[D] { return g.table }

func open[D any](table ...wsgate.Binding[D]) func() *opening[D] {
	return func() *opening[D] { return &opening[D]{table} }
}

func TestUserIDThatTellsNobody(t *testing.T) {
	for _, test := range []struct {
		constructor any
		have, want  string
	}{
		{open[saltedUser](), "func (*wsgate_test.saltedUser) UserID(string) string", "func (*wsgate_test.saltedUser) UserID() string"},
		{open[numberUser](), "func (*wsgate_test.numberUser) UserID() int", "func (*wsgate_test.numberUser) UserID() string"},
		{open[*camelUser](), "func (*wsgate_test.camelUser) UserId() string", "func (*wsgate_test.camelUser) UserID() string"},
		{open[interface{ UserID() int }](), "func (interface { UserID() int }) UserID() int", "func (interface { UserID() int }) UserID() string"},
		{func() *upgrading { return &upgrading{} }, "func (*wsgate_test.numberUser) UserID() int", "func (*wsgate_test.numberUser) UserID() string"},
	} {
		text := kit.Refused(t, gatewayAt("/ws", test.constructor), nil)
		kit.CheckText(t, text, `"/ws"`, "have "+test.have, "want "+test.want, "startup_presence_test.go:", "fix:")
		var registry wsgate.Registry
		if err := registry.Register("/ws", test.constructor); err == nil {
			t.Errorf("%s: Register takes it", test.have)
		}
	}
}

// storeless is a Broker that is no PresenceStore.
type storeless struct{ wsgate.Broker }

func TestTrackThatCannot(t *testing.T) {
	const seats wsgate.Event[wsgate.Presence[int]] = "seats"
	zero := func(*wsgate.Conn[someUser], string) (int, bool) { return 0, true }
	nothing := wsgate.Track[someUser, int](seats, nil)                                            // no function
	first := wsgate.Track(seats, zero)                                                            // first track
	second := wsgate.Track("second", zero)                                                        // second track
	badName := wsgate.Track("$x", zero)                                                           // bad name
	nobody := wsgate.Track(seats, func(*wsgate.Conn[int], string) (int, bool) { return 0, true }) // without users
	tracking := gatewayAt("/ws", open(first))
	for _, test := range []struct {
		name   string
		module *wsgate.Module
		opts   *wsgate.Options
		want   []string
	}{
		{"no function", gatewayAt("/ws", open(nothing)), nil, []string{`"seats"`, kit.At("no function"), "fix:"}},
		{"twice", gatewayAt("/ws", open(first, second)), nil, []string{`"second"`, kit.At("second track"), "fix:"}},
		{"name", gatewayAt("/ws", open(badName)), nil, []string{`"$x"`, kit.At("bad name"), "reserved"}},
		{"no users", gatewayAt("/ws", open(nobody)), nil, []string{"UserID() string", kit.At("without users"), "fix:"}},
		{"no store", tracking, &wsgate.Options{Broker: storeless{}}, []string{"wsgate.PresenceStore", kit.At("first track"), "fix:"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			kit.CheckText(t, kit.Refused(t, test.module, test.opts), test.want...)
		})
	}
}
