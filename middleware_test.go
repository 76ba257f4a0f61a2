package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// noting returns a middleware that notes what passes it.
func noting(happened *kit.Journal, name string) wsgate.Middleware {
	return func(next wsgate.Handler) wsgate.Handler {
		return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
			what := in.Hook
			switch in.Hook {
			case wsgate.HookEvent:
				what += " " + in.Event + " " + string(in.Message.Data)
			case wsgate.HookMessage:
				what += " " + in.Message.Type.String() + " " + string(in.Message.Data)
			case wsgate.HookClose:
				what += " " + map[bool]string{true: "nil", false: "error"}[in.Err == nil]
			}
			happened.Add("%s: %s", name, what)
			err := next(ctx, c, in)
			happened.Add("%s ends: %v", name, err)
			return err
		}
	}
}

// adding returns a middleware that calls f in place of next.
func adding(f func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error) wsgate.Middleware {
	return func(next wsgate.Handler) wsgate.Handler {
		return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error { return f(ctx, c, in, next) }
	}
}

// eventRoute is a gateway with an event and a call, which notes what reaches it.
func eventRoute(happened *kit.Journal) wsgate.Route {
	return kit.RouteTo("/events", &kit.EventGateway{
		Hooks: kit.Hooks{
			Open:  func(context.Context, *kit.Conn) error { happened.Add("OnOpen"); return nil },
			Close: func(context.Context, *kit.Conn, error) { happened.Add("OnClose") },
		},
		Table: wsgate.Events[kit.Data]{
			wsgate.On(poke, func(_ context.Context, _ *kit.Conn, s string) error { happened.Add("poke %s", s); return nil }),
			wsgate.Answer(ask, func(_ context.Context, _ *kit.Conn, s string) (string, error) {
				happened.Add("ask %s", s)
				return s + "!", nil
			}),
		},
	})
}

// The App's middleware is outside the route's, the first of each outermost, around everything that happens.
func TestMiddlewareOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var happened kit.Journal
		rt := eventRoute(&happened)
		rt.Use = []any{noting(&happened, "C"), noting(&happened, "D")}
		app := kit.NewApp(t, &wsgate.Options{Use: []any{noting(&happened, "A"), noting(&happened, "B")}}, rt)
		c := kit.Dial(t, app, "/events")
		c.Say(`{"type":"poke","data":"x"}`)
		synctest.Wait()
		c.Close(websocket.StatusNormalClosure, "")
		synctest.Wait()
		var want []string
		around := func(what, hook string) {
			for _, name := range []string{"A", "B", "C", "D"} {
				want = append(want, name+": "+what)
			}
			want = append(want, hook)
			for _, name := range []string{"D", "C", "B", "A"} {
				want = append(want, name+" ends: <nil>")
			}
		}
		around("open", "OnOpen")
		around(`event poke {"type":"poke","data":"x"}`, "poke x")
		around("close nil", "OnClose")
		happened.Want(t, want...)
	})
}

// Middleware also sees what no hook takes: events that nobody handles, messages of another kind, hooks that the gateway
// does not have, text that is no envelope; but no message after a failed open.
func TestMiddlewareSees(t *testing.T) {
	tests := []struct {
		name  string
		route wsgate.Route
		do    func(c *kit.Client)
		want  string
	}{
		{
			"unknown event", eventRoute(new(kit.Journal)), func(c *kit.Client) { c.Say(`{"type":"héllo"}`); c.Hear() },
			`A: event héllo {"type":"héllo"}, A ends: unknown_event: unknown event "héllo"`,
		},
		{
			"escaped event", eventRoute(new(kit.Journal)), func(c *kit.Client) { c.Say(`{"type":"p\u006fke","data":""}`) },
			`A: event poke {"type":"p\u006fke","data":""}, A ends: <nil>`,
		},
		{
			"malformed", eventRoute(new(kit.Journal)), func(c *kit.Client) { c.Say(`ping`); c.Hear() },
			`A: message MessageText ping, A ends: malformed: Invalid JSON`,
		},
		{"binary to events", eventRoute(new(kit.Journal)), func(c *kit.Client) {
			c.Write(context.Background(), websocket.MessageBinary, []byte("x"))
			c.Hear()
		}, `A: message MessageBinary x, A ends: unsupported: this gateway takes no binary messages`},
		{
			"message to one that takes none", kit.RouteTo("/events", &onlyClose{func() {}}), func(c *kit.Client) { c.Say("x"); c.Hear() },
			`A: message MessageText x, A ends: unsupported: this gateway takes no messages`,
		},
		{
			"message", kit.RouteTo("/events", &onlyMessage{}), func(c *kit.Client) { c.Say("x") },
			`A: message MessageText x, A ends: <nil>`,
		},
	}
	for _, test := range tests {
		kit.Bubble(t, test.name, func(t *testing.T) {
			var happened kit.Journal
			c := kit.Dial(t, kit.NewApp(t, &wsgate.Options{Use: []any{noting(&happened, "A")}}, test.route), "/events")
			test.do(c)
			synctest.Wait()
			c.CloseNow()
			synctest.Wait()
			want := []string{"A: open", "A ends: <nil>"}
			if test.want != "" {
				want = append(want, strings.Split(test.want, ", ")...)
			}
			happened.Want(t, append(want, "A: close error", "A ends: <nil>")...)
		})
	}
}

// Middleware may refuse, answer and change what happens.
func TestMiddlewareDecides(t *testing.T) {
	denied := wsgate.Errorf(wsgate.Denied, "not you")
	tests := []struct {
		name    string
		use     func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error
		say     string
		hear    string // the answer, or a close frame
		reached []string
	}{
		{
			"refuses", func(context.Context, wsgate.AnyConn, wsgate.Inbound, wsgate.Handler) error { return denied },
			`{"type":"ask","id":1}`, `{"type":"error","id":1,"code":"denied","message":"not you"}`, nil,
		},
		{
			"handles an event itself", func(context.Context, wsgate.AnyConn, wsgate.Inbound, wsgate.Handler) error { return nil },
			`{"type":"ask","id":1}`, `{"type":"ask","id":1}`, nil,
		},
		{
			"handles an unknown event itself", func(context.Context, wsgate.AnyConn, wsgate.Inbound, wsgate.Handler) error { return nil },
			`{"type":"other","id":1}`, `{"type":"other","id":1}`, nil,
		},
		{
			"renames an event", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				in.Event = strings.TrimPrefix(in.Event, "v1.")
				return next(ctx, c, in)
			},
			`{"type":"v1.ask","id":1,"data":"x"}`, `{"type":"v1.ask","id":1,"data":"x!"}`,
			[]string{"ask x"},
		},
		{
			"renames a known event to another", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				in.Event = "poke"
				return next(ctx, c, in)
			},
			`{"type":"ask","id":1,"data":"x"}`, `{"type":"ask","id":1}`,
			[]string{"poke x", "poke "}, // the end as well
		},
		{
			"renames to nothing", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				in.Event = "nothing"
				return next(ctx, c, in)
			},
			`{"type":"ask","id":1,"data":"x"}`, `{"type":"error","id":1,"code":"unknown_event","message":"unknown event \"nothing\""}`, nil,
		},
		{
			"replaces the message", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				in.Message = wsgate.Text(`{"type":"ask","id":1,"data":"other"}`)
				return next(ctx, c, in)
			},
			`{"type":"ask","id":1,"data":"x"}`, `{"type":"ask","id":1,"data":"other!"}`,
			[]string{"ask other"},
		},
		{
			"replaces the error", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				if err := next(ctx, c, in); err == nil {
					return errors.New("expected one")
				}
				return denied
			},
			`{"type":"other","id":1}`, `{"type":"error","id":1,"code":"denied","message":"not you"}`, nil,
		},
		{
			"forgives", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				next(ctx, c, in)
				return nil
			},
			`{"type":"other","id":1}`, `{"type":"other","id":1}`, nil,
		},
		{
			"tries again", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				next(ctx, c, in)
				return next(ctx, c, in)
			},
			`{"type":"ask","id":1,"data":"x"}`, `{"type":"ask","id":1,"data":"x!"}`,
			[]string{"ask x", "ask x"},
		},
		{
			"closes", func(context.Context, wsgate.AnyConn, wsgate.Inbound, wsgate.Handler) error {
				return websocket.CloseError{Code: 4003, Reason: "leave"}
			},
			`{"type":"ask","id":1,"data":"x"}`, "close 4003 leave", nil,
		},
		{
			"mutilates the message it was shown", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				err := next(ctx, c, in)
				clear(in.Message.Data)
				return err
			},
			`{"type":"ask","id":1,"data":"x"}`, `{"type":"ask","id":1,"data":"x!"}`,
			[]string{"ask x"},
		},
	}
	for _, test := range tests {
		kit.Bubble(t, test.name, func(t *testing.T) {
			var reached kit.Journal
			use := adding(func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				if in.Hook != wsgate.HookEvent {
					return next(ctx, c, in)
				}
				return test.use(ctx, c, in, next)
			})
			c := kit.Dial(t, kit.NewApp(t, &wsgate.Options{Use: []any{use}}, eventRoute(&reached)), "/events")
			c.Say(test.say)
			if _, data, err := c.Read(t.Context()); err != nil {
				if got := describeError(err); got != test.hear {
					t.Errorf("got %s, want %s", got, test.hear)
				}
			} else {
				if got := string(data); got != test.hear {
					t.Errorf("got %s, want %s", got, test.hear)
				}
				c.Say(`{"type":"end","data":""}`) // exactly one answer: the next one is the next event's
				c.Close(websocket.StatusNormalClosure, "")
			}
			synctest.Wait()
			reached.Want(t, append(append([]string{"OnOpen"}, test.reached...), "OnClose")...)
		})
	}
}

// describeError returns a close error as describe does the frame.
func describeError(err error) string {
	var ce websocket.CloseError
	if !errors.As(err, &ce) {
		return err.Error()
	}
	return fmt.Sprintf("close %d %s", int(ce.Code), ce.Reason)
}

// Middleware may refuse an open, as OnOpen may, and cannot prevent a close: what it returns from that is only logged.
func TestMiddlewareAndOpenAndClose(t *testing.T) {
	kit.Bubble(t, "refuses to open", func(t *testing.T) {
		var reached kit.Journal
		use := adding(func(context.Context, wsgate.AnyConn, wsgate.Inbound, wsgate.Handler) error {
			return wsgate.Errorf(wsgate.Denied, "not you")
		})
		c := kit.Dial(t, kit.NewApp(t, &wsgate.Options{Use: []any{use}}, eventRoute(&reached)), "/events")
		c.Closed(websocket.StatusPolicyViolation, "not you")
		synctest.Wait()
		reached.Want(t)
	})
	kit.Bubble(t, "refuses to open after OnOpen", func(t *testing.T) {
		var reached kit.Journal
		use := adding(func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
			next(ctx, c, in)
			return wsgate.Errorf(wsgate.Denied, "not you")
		})
		c := kit.Dial(t, kit.NewApp(t, &wsgate.Options{Use: []any{use}}, eventRoute(&reached)), "/events")
		c.Closed(websocket.StatusPolicyViolation, "not you")
		synctest.Wait()
		if got := reached.All(); len(got) != 1 {
			t.Errorf("got %q, want OnOpen without OnClose: as a whole the open has failed", got)
		}
	})
	kit.Bubble(t, "returns an error from a close", func(t *testing.T) {
		var reached kit.Journal
		use := adding(func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
			err := next(ctx, c, in)
			if in.Hook == wsgate.HookClose {
				return errors.New("flush failed")
			}
			return err
		})
		app := kit.NewApp(t, &wsgate.Options{Use: []any{use}}, eventRoute(&reached))
		kit.Dial(t, app, "/events").Close(websocket.StatusNormalClosure, "")
		synctest.Wait()
		reached.Want(t, "OnOpen", "OnClose")
		if lines := app.Log.With("ERROR", "flush failed"); len(lines) != 1 || app.Hub().Len() != 0 {
			t.Errorf("logged %q, %d connections are left", app.Log.With(), app.Hub().Len())
		}
	})
}
