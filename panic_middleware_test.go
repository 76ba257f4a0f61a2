package wsgate_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

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
			bubble(t, hook+", "+result.name, func(t *testing.T) {
				tr := &trap{at: "hook " + hook, do: func() { panic("oh no") }}
				var seen journal
				opts := &wsgate.Options{Use: []any{func(next wsgate.Handler) wsgate.Handler {
					return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
						err := next(ctx, c, in)
						var p *wsgate.PanicError
						if errors.As(err, &p) {
							seen.add("%s: %v, with its stack: %v", in.Hook, p.Value, len(p.Stack) > 0)
							return result.of(err)
						}
						if in.Hook == wsgate.HookClose && hook != "open" && hook != "close" && !errors.As(in.Err, &p) {
							seen.add("OnClose gets %v", in.Err)
						}
						return err
					}
				}}}
				path := "/messages"
				if hook == "event" {
					path = "/events"
				}
				app := newApp(t, opts, tr.routes()...)
				victim := dial(t, app, path+"?name=victim")
				if hook == "close" {
					victim.Close(websocket.StatusNormalClosure, "")
				} else {
					if hook != "open" {
						victim.say(`{"type":"ask","id":1}`)
					}
					victim.closed(websocket.StatusInternalError, "internal error")
				}
				synctest.Wait()
				seen.want(t, hook+": oh no, with its stack: true")
				if lines := app.log.with("ERROR", "oh no", "panic_test.go"); len(lines) != 1 {
					t.Errorf("logged %d panics with a stack, want 1: %q", len(lines), app.log.with())
				}
			})
		}
	}
}

// An error whose methods panic is logged by its type, wherever it comes from.
func TestErrorsThatPanic(t *testing.T) {
	for _, hook := range []string{"open", "message", "event", "close"} {
		bubble(t, hook, func(t *testing.T) {
			opts := &wsgate.Options{Use: []any{func(next wsgate.Handler) wsgate.Handler {
				return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
					if in.Hook == hook && c.(*testConn).Data.name == "victim" {
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
			app := newApp(t, opts, tr.routes()...)
			neighbour := dial(t, app, path+"?name=neighbour")
			victim := dial(t, app, path+"?name=victim")
			if hook == "close" {
				victim.Close(websocket.StatusNormalClosure, "")
			} else {
				if hook != "open" {
					victim.say(`{"type":"ask","id":1}`)
				}
				victim.closed(websocket.StatusInternalError, "internal error")
			}
			synctest.Wait()
			if lines := app.log.with("ERROR", "stack"); len(lines) != 1 {
				t.Errorf("logged %q, want one line with a stack", app.log.with())
			}
			if n := app.Hub().Len(); n != 1 {
				t.Errorf("%d connections are left, want the neighbour", n)
			}
			neighbour.say(`{"type":"ask","id":1,"data":"x"}`)
			neighbour.hear()
		})
	}
}
