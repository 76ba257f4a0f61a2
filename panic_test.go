package wsgate_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

const (
	poke wsgate.Event[string]        = "poke"
	ask  wsgate.Call[string, string] = "ask"
)

// trap is a gateway with middleware that does what it is told to at the place it is told to.
type trap struct {
	at string // place and hook, e.g. "handler event"
	do func()
	ok journal // hooks that returned
}

func (tr *trap) pass(place string) {
	if place == tr.at {
		tr.do()
	}
	tr.ok.add("%s", place)
}

func (tr *trap) options() *wsgate.Options {
	return &wsgate.Options{Use: []any{func(next wsgate.Handler) wsgate.Handler {
		return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
			if c.(*testConn).Data.name == "victim" {
				tr.pass("before " + in.Hook)
				defer func() { tr.pass("deferred " + in.Hook) }()
			}
			return next(ctx, c, in)
		}
	}}}
}

func (tr *trap) hooks() testHooks {
	victim := func(c *testConn) bool { return c.Data.name == "victim" }
	return testHooks{
		open: func(_ context.Context, c *testConn) error {
			if victim(c) {
				tr.pass("hook open")
			}
			return c.Join("room")
		},
		close: func(_ context.Context, c *testConn, _ error) {
			if victim(c) {
				tr.pass("hook close")
			}
		},
	}
}

func (tr *trap) routes() []wsgate.Route {
	handle := func(c *testConn, hook string) {
		if c.Data.name == "victim" {
			tr.pass("hook " + hook)
		}
	}
	return []wsgate.Route{
		routeTo("/messages", &messageGateway{testHooks: tr.hooks(), message: func(_ context.Context, c *testConn, m wsgate.Message) error {
			handle(c, "message")
			return c.Send(m)
		}}),
		routeTo("/events", &eventGateway{testHooks: tr.hooks(), table: wsgate.Events[testData]{
			wsgate.On(poke, func(_ context.Context, c *testConn, _ string) error { handle(c, "event"); return nil }),
			wsgate.Answer(ask, func(_ context.Context, c *testConn, s string) (string, error) { handle(c, "event"); return s, nil }),
		}}),
	}
}

// A panic is logged with its stack, closes its connection with 1011 and touches nothing else.
func TestPanicEndsOneConnection(t *testing.T) {
	values := []struct {
		name string
		do   func()
		log  string
	}{
		{"string", func() { panic("oh no") }, "oh no"},
		{"error", func() { panic(errors.New("oh no")) }, "oh no"},
		{"client error", func() { panic(wsgate.Errorf(wsgate.Denied, "oh no")) }, "oh no"},
		{"close error", func() { panic(websocket.CloseError{Code: 4000, Reason: "oh no"}) }, "oh no"},
		{"nil", func() { panic(nil) }, "nil"},
		{"runtime error", func() { var s []int; s[len(s)]++ }, "index out of range"},
		{"abort of net/http", func() { panic(http.ErrAbortHandler) }, "abort"},
	}
	places := []struct{ path, at string }{
		{"/messages", "hook message"},
		{"/messages", "before message"},
		{"/messages", "deferred message"},
		{"/events", "hook event"},
		{"/events", "before event"},
		{"/messages", "hook open"},
		{"/messages", "before open"},
		{"/messages", "hook close"},
		{"/messages", "before close"},
		{"/messages", "deferred close"},
	}
	for _, place := range places {
		for _, value := range values {
			bubble(t, value.name+" in "+place.at, func(t *testing.T) {
				tr := &trap{at: place.at, do: value.do}
				app := newApp(t, tr.options(), tr.routes()...)
				neighbour := dial(t, app, place.path+"?name=neighbour")
				victim := dial(t, app, place.path+"?name=victim")
				if strings.HasSuffix(place.at, "close") {
					victim.Close(websocket.StatusNormalClosure, "")
				} else {
					if !strings.HasSuffix(place.at, "open") {
						victim.say(`{"type":"ask","id":1}`)
					}
					want := websocket.CloseError{Code: websocket.StatusInternalError, Reason: "internal error"}
					if _, end := victim.rest(); end != want {
						t.Errorf("got end %v, want %v", end, want)
					}
				}
				synctest.Wait()
				if lines := app.log.with("ERROR", value.log, "panic_test.go"); len(lines) != 1 {
					t.Errorf("logged %d panics with a stack, want 1: %q", len(lines), app.log.with())
				}
				if n, m := app.Hub().Len(), app.Hub().At(place.path).Room("room").Len(); n != 1 || m != 1 {
					t.Errorf("%d connections are left and %d in the room, want 1 and 1", n, m)
				}
				if place.path == "/events" {
					neighbour.say(`{"type":"ask","id":1,"data":"x"}`)
					neighbour.hears(`{"type":"ask","id":1,"data":"x"}`)
				} else {
					neighbour.say("x")
					neighbour.hears("x")
				}
			})
		}
	}
}

// runtime.Goexit in a hook ends the connection as well.
func TestGoexitEndsOneConnection(t *testing.T) {
	for _, place := range []struct {
		path, at string
		closes   int
	}{
		{"/messages", "hook message", 1},
		{"/messages", "before message", 1},
		{"/events", "hook event", 1},
		{"/messages", "hook open", 0},
		{"/messages", "hook close", 0},
		{"/messages", "before close", 0},
	} {
		bubble(t, place.at+" on "+place.path, func(t *testing.T) {
			tr := &trap{at: place.at, do: runtime.Goexit}
			app := newApp(t, tr.options(), tr.routes()...)
			neighbour := dial(t, app, place.path+"?name=neighbour")
			victim := dial(t, app, place.path+"?name=victim")
			if strings.HasSuffix(place.at, "close") {
				victim.Close(websocket.StatusNormalClosure, "")
			} else {
				if !strings.HasSuffix(place.at, "open") {
					victim.say(`{"type":"poke"}`)
				}
				victim.rest()
			}
			synctest.Wait()
			if len(app.log.with("ERROR", "Goexit")) != 1 && !strings.HasSuffix(place.at, "close") {
				t.Errorf("logged %q", app.log.with())
			}
			closes := 0
			for _, line := range tr.ok.all() {
				if line == "hook close" {
					closes++
				}
			}
			if closes != place.closes {
				t.Errorf("OnClose returned %d times, want %d", closes, place.closes)
			}
			if n, m := app.Hub().Len(), app.Hub().At(place.path).Room("room").Len(); n != 1 || m != 1 {
				t.Errorf("%d connections are left and %d in the room, want 1 and 1", n, m)
			}
			neighbour.say(`{"type":"poke","id":7}`)
			neighbour.hear()
		})
	}
}

func TestOnUpgradePanics(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func()
		log  string
	}{
		{"panic", func() { panic("oh no") }, "oh no"},
		{"goexit", runtime.Goexit, "Goexit"},
	} {
		bubble(t, test.name, func(t *testing.T) {
			g := &messageGateway{testHooks: testHooks{upgrade: func(*http.Request) (testData, error) { test.do(); return testData{}, nil }}}
			app := newApp(t, &wsgate.Options{Limits: wsgate.Limits{Connections: 1}}, routeTo("/ws", g))
			for range 3 { // the place is given back
				if resp := dialRefused(t, app, "/ws", nil); resp.StatusCode != http.StatusInternalServerError {
					t.Errorf("got status %d, want 500", resp.StatusCode)
				}
			}
			if lines := app.log.with("ERROR", "upgrade failed", test.log); len(lines) != 3 {
				t.Errorf("logged %q, want it 3 times", app.log.with())
			}
		})
	}
}
