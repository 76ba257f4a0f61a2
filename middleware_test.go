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
)

// noting returns a middleware that notes what passes it.
func noting(happened *journal, name string) wsgate.Middleware {
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
			happened.add("%s: %s", name, what)
			err := next(ctx, c, in)
			happened.add("%s ends: %v", name, err)
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
func eventRoute(happened *journal) wsgate.Route {
	return routeTo("/events", &eventGateway{
		testHooks: testHooks{
			open:  func(context.Context, *testConn) error { happened.add("OnOpen"); return nil },
			close: func(context.Context, *testConn, error) { happened.add("OnClose") },
		},
		table: wsgate.Events[testData]{
			wsgate.On(poke, func(_ context.Context, _ *testConn, s string) error { happened.add("poke %s", s); return nil }),
			wsgate.Answer(ask, func(_ context.Context, _ *testConn, s string) (string, error) {
				happened.add("ask %s", s)
				return s + "!", nil
			}),
		},
	})
}

// The App's middleware is outside the route's, the first of each outermost, around everything that happens.
func TestMiddlewareOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var happened journal
		rt := eventRoute(&happened)
		rt.Use = []any{noting(&happened, "C"), noting(&happened, "D")}
		app := newApp(t, &wsgate.Options{Use: []any{noting(&happened, "A"), noting(&happened, "B")}}, rt)
		c := dial(t, app, "/events")
		c.say(`{"type":"poke","data":"x"}`)
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
		happened.want(t, want...)
	})
}

// Middleware also sees what no hook takes: events that nobody handles, messages of another kind, hooks that the gateway
// does not have, text that is no envelope; but no message after a failed open.
func TestMiddlewareSees(t *testing.T) {
	tests := []struct {
		name  string
		route wsgate.Route
		do    func(c *testClient)
		want  string
	}{
		{
			"unknown event", eventRoute(new(journal)), func(c *testClient) { c.say(`{"type":"héllo"}`); c.hear() },
			`A: event héllo {"type":"héllo"}, A ends: unknown_event: unknown event "héllo"`,
		},
		{
			"escaped event", eventRoute(new(journal)), func(c *testClient) { c.say(`{"type":"p\u006fke"}`) },
			`A: event poke {"type":"p\u006fke"}, A ends: <nil>`,
		},
		{
			"malformed", eventRoute(new(journal)), func(c *testClient) { c.say(`ping`); c.hear() },
			`A: message MessageText ping, A ends: malformed: Invalid JSON`,
		},
		{"binary to events", eventRoute(new(journal)), func(c *testClient) {
			c.Write(context.Background(), websocket.MessageBinary, []byte("x"))
			c.hear()
		}, `A: message MessageBinary x, A ends: unsupported: this gateway takes no binary messages`},
		{
			"message to one that takes none", routeTo("/events", &onlyClose{func() {}}), func(c *testClient) { c.say("x"); c.hear() },
			`A: message MessageText x, A ends: unsupported: this gateway takes no messages`,
		},
		{
			"message", routeTo("/events", &onlyMessage{}), func(c *testClient) { c.say("x") },
			`A: message MessageText x, A ends: <nil>`,
		},
	}
	for _, test := range tests {
		bubble(t, test.name, func(t *testing.T) {
			var happened journal
			c := dial(t, newApp(t, &wsgate.Options{Use: []any{noting(&happened, "A")}}, test.route), "/events")
			test.do(c)
			synctest.Wait()
			c.CloseNow()
			synctest.Wait()
			want := []string{"A: open", "A ends: <nil>"}
			if test.want != "" {
				want = append(want, strings.Split(test.want, ", ")...)
			}
			happened.want(t, append(want, "A: close error", "A ends: <nil>")...)
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
		bubble(t, test.name, func(t *testing.T) {
			var reached journal
			use := adding(func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				if in.Hook != wsgate.HookEvent {
					return next(ctx, c, in)
				}
				return test.use(ctx, c, in, next)
			})
			c := dial(t, newApp(t, &wsgate.Options{Use: []any{use}}, eventRoute(&reached)), "/events")
			c.say(test.say)
			if _, data, err := c.Read(t.Context()); err != nil {
				if got := describeError(err); got != test.hear {
					t.Errorf("got %s, want %s", got, test.hear)
				}
			} else {
				if got := string(data); got != test.hear {
					t.Errorf("got %s, want %s", got, test.hear)
				}
				c.say(`{"type":"end"}`) // exactly one answer: the next one is the next event's
				c.Close(websocket.StatusNormalClosure, "")
			}
			synctest.Wait()
			reached.want(t, append(append([]string{"OnOpen"}, test.reached...), "OnClose")...)
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
	bubble(t, "refuses to open", func(t *testing.T) {
		var reached journal
		use := adding(func(context.Context, wsgate.AnyConn, wsgate.Inbound, wsgate.Handler) error {
			return wsgate.Errorf(wsgate.Denied, "not you")
		})
		c := dial(t, newApp(t, &wsgate.Options{Use: []any{use}}, eventRoute(&reached)), "/events")
		c.closed(websocket.StatusPolicyViolation, "not you")
		synctest.Wait()
		reached.want(t)
	})
	bubble(t, "refuses to open after OnOpen", func(t *testing.T) {
		var reached journal
		use := adding(func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
			next(ctx, c, in)
			return wsgate.Errorf(wsgate.Denied, "not you")
		})
		c := dial(t, newApp(t, &wsgate.Options{Use: []any{use}}, eventRoute(&reached)), "/events")
		c.closed(websocket.StatusPolicyViolation, "not you")
		synctest.Wait()
		if got := reached.all(); len(got) != 1 {
			t.Errorf("got %q, want OnOpen without OnClose: as a whole the open has failed", got)
		}
	})
	bubble(t, "returns an error from a close", func(t *testing.T) {
		var reached journal
		use := adding(func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
			err := next(ctx, c, in)
			if in.Hook == wsgate.HookClose {
				return errors.New("flush failed")
			}
			return err
		})
		app := newApp(t, &wsgate.Options{Use: []any{use}}, eventRoute(&reached))
		dial(t, app, "/events").Close(websocket.StatusNormalClosure, "")
		synctest.Wait()
		reached.want(t, "OnOpen", "OnClose")
		if lines := app.log.with("ERROR", "flush failed"); len(lines) != 1 || app.Hub().Len() != 0 {
			t.Errorf("logged %q, %d connections are left", app.log.with(), app.Hub().Len())
		}
	})
}
