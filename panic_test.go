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
	"github.com/wsgate/wsgate/internal/test/kit"
)

const (
	poke wsgate.Event[string]        = "poke"
	ask  wsgate.Call[string, string] = "ask"
)

// trap is a gateway with middleware that does what it is told to at the place it is told to.
type trap struct {
	at string // place and hook, e.g. "handler event"
	do func()
	ok kit.Journal // hooks that returned
}

func (tr *trap) pass(place string) {
	if place == tr.at {
		tr.do()
	}
	tr.ok.Add("%s", place)
}

func (tr *trap) options() *wsgate.Options {
	return &wsgate.Options{Use: []any{func(next wsgate.Handler) wsgate.Handler {
		return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
			if c.(*kit.Conn).Data.Name == "victim" {
				tr.pass("before " + in.Hook)
				defer func() { tr.pass("deferred " + in.Hook) }()
			}
			return next(ctx, c, in)
		}
	}}}
}

func (tr *trap) hooks() kit.Hooks {
	victim := func(c *kit.Conn) bool { return c.Data.Name == "victim" }
	return kit.Hooks{
		Open: func(_ context.Context, c *kit.Conn) error {
			if victim(c) {
				tr.pass("hook open")
			}
			return c.Join("room")
		},
		Close: func(_ context.Context, c *kit.Conn, _ error) {
			if victim(c) {
				tr.pass("hook close")
			}
		},
	}
}

func (tr *trap) routes() []wsgate.Route {
	handle := func(c *kit.Conn, hook string) {
		if c.Data.Name == "victim" {
			tr.pass("hook " + hook)
		}
	}
	return []wsgate.Route{
		kit.RouteTo("/messages", &kit.MessageGateway{Hooks: tr.hooks(), Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
			handle(c, "message")
			return c.Send(m)
		}}),
		kit.RouteTo("/events", &kit.EventGateway{Hooks: tr.hooks(), Table: wsgate.Events[kit.Data]{
			wsgate.On(poke, func(_ context.Context, c *kit.Conn, _ string) error { handle(c, "event"); return nil }),
			wsgate.Answer(ask, func(_ context.Context, c *kit.Conn, s string) (string, error) { handle(c, "event"); return s, nil }),
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
			kit.Bubble(t, value.name+" in "+place.at, func(t *testing.T) {
				tr := &trap{at: place.at, do: value.do}
				app := kit.NewApp(t, tr.options(), tr.routes()...)
				neighbour := kit.Dial(t, app, place.path+"?name=neighbour")
				victim := kit.Dial(t, app, place.path+"?name=victim")
				if strings.HasSuffix(place.at, "close") {
					victim.Close(websocket.StatusNormalClosure, "")
				} else {
					if !strings.HasSuffix(place.at, "open") {
						victim.Say(`{"type":"ask","id":1,"data":""}`)
					}
					want := websocket.CloseError{Code: websocket.StatusInternalError, Reason: "internal error"}
					if _, end := victim.Rest(); end != want {
						t.Errorf("got end %v, want %v", end, want)
					}
				}
				synctest.Wait()
				if lines := app.Log.With("ERROR", value.log, "panic_test.go"); len(lines) != 1 {
					t.Errorf("logged %d panics with a stack, want 1: %q", len(lines), app.Log.With())
				}
				if n, m := app.Hub().Len(), app.Hub().At(place.path).Room("room").Len(); n != 1 || m != 1 {
					t.Errorf("%d connections are left and %d in the room, want 1 and 1", n, m)
				}
				if place.path == "/events" {
					neighbour.Say(`{"type":"ask","id":1,"data":"x"}`)
					neighbour.Hears(`{"type":"ask","id":1,"data":"x"}`)
				} else {
					neighbour.Say("x")
					neighbour.Hears("x")
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
		kit.Bubble(t, place.at+" on "+place.path, func(t *testing.T) {
			tr := &trap{at: place.at, do: runtime.Goexit}
			app := kit.NewApp(t, tr.options(), tr.routes()...)
			neighbour := kit.Dial(t, app, place.path+"?name=neighbour")
			victim := kit.Dial(t, app, place.path+"?name=victim")
			if strings.HasSuffix(place.at, "close") {
				victim.Close(websocket.StatusNormalClosure, "")
			} else {
				if !strings.HasSuffix(place.at, "open") {
					victim.Say(`{"type":"poke","data":""}`)
				}
				victim.Rest()
			}
			synctest.Wait()
			if len(app.Log.With("ERROR", "Goexit")) != 1 && !strings.HasSuffix(place.at, "close") {
				t.Errorf("logged %q", app.Log.With())
			}
			closes := 0
			for _, line := range tr.ok.All() {
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
			neighbour.Say(`{"type":"poke","id":7,"data":""}`)
			neighbour.Hear()
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
		kit.Bubble(t, test.name, func(t *testing.T) {
			g := &kit.MessageGateway{Hooks: kit.Hooks{Upgrade: func(*http.Request) (kit.Data, error) { test.do(); return kit.Data{}, nil }}}
			app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Connections: 1}}, kit.RouteTo("/ws", g))
			for range 3 { // the place is given back
				if resp := kit.DialRefused(t, app, "/ws", nil); resp.StatusCode != http.StatusInternalServerError {
					t.Errorf("got status %d, want 500", resp.StatusCode)
				}
			}
			if lines := app.Log.With("ERROR", "upgrade failed", test.log); len(lines) != 3 {
				t.Errorf("logged %q, want it 3 times", app.Log.With())
			}
		})
	}
}

// Middleware sees a panic of a hook as the error of next, so that what stands behind next runs. Whatever it returns
// instead, the connection ends as by any panic.
func TestMiddlewareSeesPanics(t *testing.T) {
	results := []struct {
		name string
		of   func(error) error
	}{
		{"passes it on", func(err error) error { return err }},
		{"wraps it", func(err error) error { return errors.Join(errors.New("wrapped"), err) }},
		{"swallows it", func(error) error { return nil }},
		{"returns another", func(error) error { return wsgate.Errorf(wsgate.Denied, "no") }},
		{"asks for a close", func(error) error { return websocket.CloseError{Code: 4000} }},
	}
	for _, hook := range []string{"open", "message", "event", "close"} {
		for _, result := range results {
			kit.Bubble(t, hook+", "+result.name, func(t *testing.T) {
				tr := &trap{at: "hook " + hook, do: func() { panic("oh no") }}
				var seen kit.Journal
				opts := &wsgate.Options{Use: []any{func(next wsgate.Handler) wsgate.Handler {
					return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
						err := next(ctx, c, in)
						var p *wsgate.PanicError
						if errors.As(err, &p) {
							seen.Add("%s: %v, with its stack: %v", in.Hook, p.Value, len(p.Stack) > 0)
							return result.of(err)
						}
						if in.Hook == wsgate.HookClose && hook != "open" && hook != "close" && !errors.As(in.Err, &p) {
							seen.Add("OnClose gets %v", in.Err)
						}
						return err
					}
				}}}
				path := "/messages"
				if hook == "event" {
					path = "/events"
				}
				app := kit.NewApp(t, opts, tr.routes()...)
				victim := kit.Dial(t, app, path+"?name=victim")
				if hook == "close" {
					victim.Close(websocket.StatusNormalClosure, "")
				} else {
					if hook != "open" {
						victim.Say(`{"type":"ask","id":1,"data":""}`)
					}
					victim.Closed(websocket.StatusInternalError, "internal error")
				}
				synctest.Wait()
				seen.Want(t, hook+": oh no, with its stack: true")
				if lines := app.Log.With("ERROR", "oh no", "panic_test.go"); len(lines) != 1 {
					t.Errorf("logged %d panics with a stack, want 1: %q", len(lines), app.Log.With())
				}
			})
		}
	}
}

// An error whose methods panic is logged by its type, wherever it comes from.
func TestErrorsThatPanic(t *testing.T) {
	for _, hook := range []string{"open", "message", "event", "close"} {
		kit.Bubble(t, hook, func(t *testing.T) {
			opts := &wsgate.Options{Use: []any{func(next wsgate.Handler) wsgate.Handler {
				return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
					if in.Hook == hook && c.(*kit.Conn).Data.Name == "victim" {
						return (*bombError)(nil)
					}
					return next(ctx, c, in)
				}
			}}}
			tr := &trap{}
			path := "/messages"
			if hook == "event" {
				path = "/events"
			}
			app := kit.NewApp(t, opts, tr.routes()...)
			neighbour := kit.Dial(t, app, path+"?name=neighbour")
			victim := kit.Dial(t, app, path+"?name=victim")
			if hook == "close" {
				victim.Close(websocket.StatusNormalClosure, "")
			} else {
				if hook != "open" {
					victim.Say(`{"type":"ask","id":1,"data":""}`)
				}
				victim.Closed(websocket.StatusInternalError, "internal error")
			}
			synctest.Wait()
			if lines := app.Log.With("ERROR", "stack"); len(lines) != 1 {
				t.Errorf("logged %q, want one line with a stack", app.Log.With())
			}
			if n := app.Hub().Len(); n != 1 {
				t.Errorf("%d connections are left, want the neighbour", n)
			}
			neighbour.Say(`{"type":"ask","id":1,"data":"x"}`)
			neighbour.Hear()
		})
	}
}

// bomb is a payload that cannot be encoded.
type bomb struct{}

func (bomb) MarshalJSON() ([]byte, error) { panic("bomb") }

// bombError is an error whose nil pointer is not nil: the classic mistake.
type bombError struct{ err error }

func (e *bombError) Error() string { return e.err.Error() }
func (e *bombError) Unwrap() error { return e.err }

// What a hook returns runs code of the application as well: answers and details are encoded, errors are unwrapped. Its
// panics are like the hook's own.
func TestResultsPanic(t *testing.T) {
	const defuse wsgate.Call[string, bomb] = "defuse"
	tests := []struct {
		name string
		do   func() (bomb, error)
	}{
		{"answer", func() (bomb, error) { return bomb{}, nil }},
		{"details", func() (bomb, error) {
			return bomb{}, &wsgate.Error{Code: wsgate.Invalid, Message: "x", Details: bomb{}}
		}},
		{"error", func() (bomb, error) { return bomb{}, (*bombError)(nil) }},
	}
	for _, test := range tests {
		kit.Bubble(t, test.name, func(t *testing.T) {
			app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.EventGateway{Table: wsgate.Events[kit.Data]{
				wsgate.Answer(defuse, func(context.Context, *kit.Conn, string) (bomb, error) { return test.do() }),
			}}))
			neighbour, victim := kit.Dial(t, app, "/ws"), kit.Dial(t, app, "/ws")
			victim.Say(`{"type":"defuse","id":1,"data":""}`)
			victim.Closed(websocket.StatusInternalError, "internal error")
			if lines := app.Log.With("ERROR", "panic_test.go"); len(lines) != 1 {
				t.Errorf("logged %q, want one panic with its stack", app.Log.With())
			}
			neighbour.Say(`{"type":"nobody","id":1}`)
			neighbour.Hear()
		})
	}
	kit.Bubble(t, "error of OnOpen", func(t *testing.T) {
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{Hooks: kit.Hooks{
			Open: func(context.Context, *kit.Conn) error { return (*bombError)(nil) },
		}}))
		kit.Dial(t, app, "/ws").Closed(websocket.StatusInternalError, "internal error")
	})
	kit.Bubble(t, "error of OnUpgrade", func(t *testing.T) {
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{Hooks: kit.Hooks{
			Upgrade: func(*http.Request) (kit.Data, error) { return kit.Data{}, (*bombError)(nil) },
		}}))
		if resp := kit.DialRefused(t, app, "/ws", nil); resp.StatusCode != http.StatusInternalServerError {
			t.Errorf("got status %d, want 500", resp.StatusCode)
		}
	})
}
