package wsgate_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// waiting is a gateway whose handler waits for the end of its context.
type waiting struct {
	app    *kit.App
	client *kit.RawClient
	server *kit.Conn
	ended  chan error // the cause, as the handler saw it
}

func (w *waiting) begin(t *testing.T) {
	w.ended = make(chan error, 200)
	w.app = kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{
		Hooks: kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error { w.server = c; return nil }},
		Message: func(ctx context.Context, _ *kit.Conn, m wsgate.Message) error {
			if string(m.Data) == "wait" {
				<-ctx.Done()
				w.ended <- context.Cause(ctx)
			}
			return nil
		},
	}))
	w.client = kit.DialRaw(t, w.app, "/ws")
}

// A handler's context ends with its connection, however that happens, and soon.
func TestHandlerContextEnds(t *testing.T) {
	wait := wire.Masked(wire.Text, []byte("wait"))
	tests := []struct {
		name string
		end  func(w *waiting) // the handler waits already
		want error            // the cause, if it is one of ours
		late time.Duration    // how long it may take, if not a second
	}{
		{"peer closes", func(w *waiting) { w.client.Put(kit.CloseFrame(1000, "")) }, nil, 0},
		{"peer is gone", func(w *waiting) { w.client.Close() }, io.ErrUnexpectedEOF, 0},
		{"peer is gone behind more messages", func(w *waiting) { w.client.Put(wait, wait); w.client.Close() }, io.ErrUnexpectedEOF, 0},
		{"peer is gone behind a message in pieces", func(w *waiting) { w.client.Put(wait[:3]); w.client.Put(wait[3:4]); w.client.Close() }, io.ErrUnexpectedEOF, 0},
		{"peer is gone behind many messages", func(w *waiting) {
			for range 100 { // more than is read ahead
				w.client.SetWriteDeadline(time.Now().Add(time.Second))
				w.client.Write(wire.Masked(wire.Text, make([]byte, 1000)))
			}
			w.client.Close()
		}, nil, time.Minute},
		{"peer closes behind a ping", func(w *waiting) { w.client.Put(wire.Masked(wire.Ping, nil), kit.CloseFrame(1000, "")) }, nil, 0},
		{"peer violates the protocol", func(w *waiting) { w.client.Put([]byte{wire.Text, 1, 'x'}) }, nil, 0},
		{"Close", func(w *waiting) { w.server.Close(1000, "") }, context.Canceled, 0},
		{"client is slow", func(w *waiting) {
			for w.server.Send(wsgate.Text(strings.Repeat("x", 1000))) == nil {
			}
		}, wsgate.ErrSlowClient, 0},
		{"write takes too long", func(w *waiting) { w.server.Send(wsgate.Text("x")); wstest.Pass(11 * time.Second) }, wsgate.ErrSlowClient, 0},
		{"shutdown", func(w *waiting) { go w.app.End() }, wsgate.ErrShutdown, 0},
	}
	for _, test := range tests {
		kit.Bubble(t, test.name, func(t *testing.T) {
			var w waiting
			w.begin(t)
			w.client.Put(wait)
			wstest.Pass(time.Second)
			if len(w.ended) > 0 {
				t.Fatalf("the context ended early: %v", <-w.ended)
			}
			test.end(&w)
			wstest.Pass(max(test.late, time.Second))
			if len(w.ended) == 0 {
				t.Fatal("the context has not ended")
			}
			if err := <-w.ended; test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("got cause %v, want %v", err, test.want)
			}
		})
	}
	for _, test := range tests[:2] {
		kit.Bubble(t, test.name+", in the first millisecond", func(t *testing.T) {
			var w waiting
			w.begin(t)
			w.client.Put(wait)
			test.end(&w)
			wstest.Pass(time.Second)
			if len(w.ended) == 0 {
				t.Fatal("the context has not ended")
			}
		})
	}
	kit.Bubble(t, "peer is gone long after a message in pieces", func(t *testing.T) {
		var w waiting
		w.begin(t)
		go w.client.ReadOn(new(kit.Journal))
		w.client.Put(wait[:3])
		wstest.Pass(time.Second)
		w.client.Put(wait[3:])
		wstest.Pass(2 * time.Minute) // longer than a message may take to arrive
		if len(w.ended) > 0 {
			t.Fatalf("the context ended early: %v", <-w.ended)
		}
		w.client.Close()
		wstest.Pass(time.Second)
		if len(w.ended) == 0 {
			t.Fatal("the context has not ended")
		}
	})
	kit.Bubble(t, "peer is gone in the second of several messages", func(t *testing.T) {
		var w waiting
		w.begin(t)
		w.client.Put(wire.Masked(wire.Text, []byte("quick")), wait, wire.Masked(wire.Text, []byte("third")))
		wstest.Pass(time.Second)
		w.client.Close()
		wstest.Pass(time.Second)
		if len(w.ended) == 0 {
			t.Fatal("the context has not ended")
		}
	})
}

// Nothing ends the context of a handler whose connection is well.
func TestHandlerMayTakeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &kit.MessageGateway{Message: func(ctx context.Context, c *kit.Conn, m wsgate.Message) error {
			wait, err := time.ParseDuration(strings.TrimSpace(string(m.Data)))
			if err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(wait):
			}
			return c.Send(wsgate.Text(wait.String()))
		}}
		c := kit.DialRaw(t, kit.NewApp(t, nil, kit.RouteTo("/ws", g)), "/ws")
		answer := func(want string) {
			t.Helper()
			for {
				first, payload, err := c.Frame()
				if got := kit.Describe(first, payload); err != nil || first == wire.Text {
					if got != "text "+want {
						t.Errorf("got %s, %v, want %s", got, err, want)
					}
					return
				}
			}
		}
		for _, wait := range []string{"5ms", "1m0s", "2m0s"} {
			c.Put(wire.Masked(wire.Text, []byte(wait)))
			answer(wait)
		}
		// The time in which a message has to arrive does not run while one is handled: not the message's own, if it
		// came in pieces ...
		f := wire.Masked(wire.Text, []byte("2m0s"))
		c.Put(f[:4])
		wstest.Pass(time.Second)
		c.Put(f[4:])
		answer("2m0s")
		// ... nor that of a next one which has begun.
		c.Put(f, f[:4])
		answer("2m0s")
		c.Put(f[4:])
		answer("2m0s")
	})
}

type contextKey struct{}

// Neither the values nor the end of the request's context are the connection's; what middleware adds is the hook's.
func TestContextValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var happened kit.Journal
		note := func(hook string, ctx context.Context) {
			happened.Add("%s %v %v", hook, ctx.Value(contextKey{}), ctx.Err())
		}
		use := func(next wsgate.Handler) wsgate.Handler {
			return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
				note("before "+in.Hook, ctx)
				return next(context.WithValue(ctx, contextKey{}, "changed"), c, in)
			}
		}
		g := &kit.MessageGateway{
			Hooks: kit.Hooks{
				Upgrade: func(r *http.Request) (kit.Data, error) { note("upgrade", r.Context()); return kit.Data{}, nil },
				Open:    func(ctx context.Context, _ *kit.Conn) error { note("open", ctx); return nil },
				Close:   func(ctx context.Context, _ *kit.Conn, _ error) { note("close", ctx) },
			},
			Message: func(ctx context.Context, c *kit.Conn, m wsgate.Message) error { note("message", ctx); return c.Send(m) },
		}
		add := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancel(context.WithValue(r.Context(), contextKey{}, "ann"))
				defer cancel()
				next.ServeHTTP(w, r.WithContext(ctx))
			})
		}
		opts := &wsgate.Options{HTTP: []any{add}, Use: []any{use}}
		c := kit.Dial(t, kit.NewApp(t, opts, kit.RouteTo("/ws", g)), "/ws")
		c.Say("x")
		c.Hears("x")
		c.CloseNow()
		synctest.Wait()
		happened.Want(t, "upgrade ann <nil>", "before open <nil> <nil>", "open changed <nil>", "before message <nil> <nil>",
			"message changed <nil>", "before close <nil> <nil>", "close changed <nil>")
	})
}

// OnClose can use its context to save something, until a shutdown runs out of time.
func TestContextOfOnClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancelled := make(chan time.Time, 1)
		g := &kit.MessageGateway{Hooks: kit.Hooks{Close: func(ctx context.Context, _ *kit.Conn, _ error) {
			<-ctx.Done()
			cancelled <- time.Now()
		}}}
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
		kit.Dial(t, app, "/ws").CloseNow()
		wstest.Pass(time.Hour)
		if len(cancelled) > 0 {
			t.Fatal("the context ended by itself")
		}
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		if err := app.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v, want %v", err, context.DeadlineExceeded)
		}
		synctest.Wait()
		if len(cancelled) == 0 {
			t.Fatal("the context did not end with the time for the shutdown")
		}
		if took := (<-cancelled).Sub(begun); took != 7*time.Second {
			t.Errorf("the context ended after %v, want 7s", took)
		}
	})
}
