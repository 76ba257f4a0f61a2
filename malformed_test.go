package wsgate_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// What a middleware makes of text that is no envelope, of which eight in a row close a connection.
func TestMiddlewareAndMalformed(t *testing.T) {
	const many = 20
	malformed := `{"type":"error","code":"malformed","message":"Invalid JSON"}`
	for _, test := range []struct {
		name   string
		use    func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error
		say    string
		hear   string // for each; "" for nothing
		closed bool   // after 8
		poked  bool
	}{
		{
			"passes it on", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				return next(ctx, c, in)
			}, "ping", malformed, true, false,
		},
		{
			"answers a text heartbeat", func(_ context.Context, c wsgate.AnyConn, in wsgate.Inbound, _ wsgate.Handler) error {
				return c.Send(wsgate.Text("pong"))
			}, "ping", "pong", false, false,
		},
		{
			"drops it", func(context.Context, wsgate.AnyConn, wsgate.Inbound, wsgate.Handler) error { return nil },
			"ping", "", false, false,
		},
		{
			"refuses it in its own words", func(context.Context, wsgate.AnyConn, wsgate.Inbound, wsgate.Handler) error {
				return wsgate.Errorf(wsgate.Invalid, "JSON, please")
			}, "ping", `{"type":"error","code":"invalid","message":"JSON, please"}`, false, false,
		},
		{
			"makes an event of it", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				in.Message = wsgate.Text(`{"type":"poke","id":7,"data":"` + string(in.Message.Data) + `"}`)
				return next(ctx, c, in)
			}, "ping", "", false, true,
		},
		{
			"makes an unknown event of it", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				in.Message = wsgate.Text(`{"type":"heartbeat","id":7}`)
				return next(ctx, c, in)
			}, "ping", `{"type":"error","code":"unknown_event","message":"unknown event \"heartbeat\""}`, false, false,
		},
		{
			"makes other nonsense of it", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				in.Message = wsgate.Text(`}`)
				return next(ctx, c, in)
			}, "ping", malformed, true, false,
		},
		{
			"forgets the error", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				_ = next(ctx, c, in)
				return nil
			}, "ping", "", true, false,
		},
		{
			"tries again", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				_ = next(ctx, c, in)
				return next(ctx, c, in)
			}, "ping", malformed, true, false,
		},
		{
			"spoils an event", func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				in.Message = wsgate.Text(`}`)
				return next(ctx, c, in)
			}, `{"type":"poke"}`, malformed, false, false,
		},
		{
			"refuses what has an id", func(context.Context, wsgate.AnyConn, wsgate.Inbound, wsgate.Handler) error {
				return wsgate.Errorf(wsgate.Invalid, "no type")
			}, `{"id":7}`, `{"type":"error","id":7,"code":"invalid","message":"no type"}`, false, false,
		},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			var reached kit.Journal
			use := adding(func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
				if in.Hook == wsgate.HookOpen || in.Hook == wsgate.HookClose {
					return next(ctx, c, in)
				}
				return test.use(ctx, c, in, next)
			})
			c := kit.Dial(t, kit.NewApp(t, &wsgate.Options{Use: []any{use}}, eventRoute(&reached)), "/events")
			most := many
			if test.closed {
				most = 8
			}
			for range most {
				c.Say(test.say)
				if test.hear != "" {
					c.Hears(test.hear)
				}
			}
			if test.closed {
				c.Closed(websocket.StatusPolicyViolation, "too many malformed messages")
				return
			}
			c.Close(websocket.StatusNormalClosure, "")
			synctest.Wait()
			want := []string{"OnOpen"}
			for range many {
				if test.poked {
					want = append(want, "poke ping")
				}
			}
			reached.Want(t, append(want, "OnClose")...)
		})
	}
}

// Malformed messages count in a row: one that the middleware has taken begins a new row.
func TestMiddlewareBeginsANewRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		use := adding(func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
			if in.Hook == wsgate.HookMessage && string(in.Message.Data) == "ping" {
				return c.Send(wsgate.Text("pong"))
			}
			return next(ctx, c, in)
		})
		c := kit.Dial(t, kit.NewApp(t, &wsgate.Options{Use: []any{use}}, eventRoute(new(kit.Journal))), "/events")
		for _, n := range []int{7, 7, 8} {
			c.Say("ping")
			c.Hears("pong")
			for range n {
				c.Say("{")
				c.Hear()
			}
		}
		c.Closed(websocket.StatusPolicyViolation, "too many malformed messages")
	})
}
