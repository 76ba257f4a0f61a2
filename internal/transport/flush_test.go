package transport_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// flushed calls Flush with a time for it, and returns what it returned and how long that took.
func flushed(c *kit.Conn, most time.Duration) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	begun := time.Now()
	err = c.Flush(ctx)
	return time.Since(begun), err
}

func TestFlush(t *testing.T) {
	begin := func(t *testing.T) (*kit.RawClient, *kit.Conn) {
		conns := make(chan *kit.Conn, 1)
		g := &kit.MessageGateway{Hooks: kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error { conns <- c; return nil }}}
		opts := &wsgate.Options{Limits: wsgate.Limits{Write: time.Minute}}
		c := kit.DialRaw(t, kit.NewApp(t, opts, kit.RouteTo("/ws", g)), "/ws")
		return c, <-conns
	}
	kit.Bubble(t, "with nothing to do", func(t *testing.T) {
		_, server := begin(t)
		if took, err := flushed(server, time.Second); err != nil || took > 0 {
			t.Errorf("got %v after %v", err, took)
		}
	})
	kit.Bubble(t, "waits for everything", func(t *testing.T) {
		c, server := begin(t)
		for range 500 {
			server.Send(wsgate.Text(strings.Repeat("x", 1000)))
		}
		go func() {
			wstest.Pass(3 * time.Second)
			c.ReadOn(new(kit.Journal))
		}()
		if took, err := flushed(server, time.Minute); err != nil || took != 3*time.Second {
			t.Errorf("got %v after %v, want nil after 3s", err, took)
		}
	})
	kit.Bubble(t, "several at once", func(t *testing.T) {
		c, server := begin(t)
		server.Send(wsgate.Text("x"))
		done := make(chan error)
		for range 5 {
			go func() { _, err := flushed(server, time.Minute); done <- err }()
		}
		wstest.Pass(time.Second)
		go c.ReadOn(new(kit.Journal))
		for range 5 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	kit.Bubble(t, "until its context is done", func(t *testing.T) {
		_, server := begin(t)
		server.Send(wsgate.Text("x"))
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("because")
		go func() { wstest.Pass(time.Second); cancel(why) }()
		if err := server.Flush(ctx); !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
		if err := server.Send(wsgate.Text("x")); err != nil {
			t.Errorf("the connection has suffered: %v", err)
		}
	})
	kit.Bubble(t, "until the connection ends", func(t *testing.T) {
		c, server := begin(t)
		server.Send(wsgate.Text("x"))
		go func() { wstest.Pass(time.Second); c.Close() }()
		if took, err := flushed(server, time.Minute); !errors.Is(err, wsgate.ErrClosed) || took != time.Second {
			t.Errorf("got %v after %v, want ErrClosed after 1s", err, took)
		}
		synctest.Wait()
		if took, err := flushed(server, time.Minute); !errors.Is(err, wsgate.ErrClosed) || took > 0 {
			t.Errorf("after the end: got %v after %v, want ErrClosed", err, took)
		}
	})
	// Flush waits for what was sent before it, not for what others go on sending.
	kit.Bubble(t, "while others go on sending", func(t *testing.T) {
		c, server := begin(t)
		stop := make(chan struct{})
		defer close(stop)
		go func() { // there is always something that waits
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
					server.Send(wsgate.Text(strings.Repeat("x", 100)))
				}
			}
		}()
		wstest.Pass(time.Second)
		go func() {
			for {
				if _, _, err := c.Frame(); err != nil {
					return
				}
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		}()
		if took, err := flushed(server, 30*time.Second); err != nil || took > 10*time.Second {
			t.Errorf("got %v after %v, want nil after some seconds", err, took)
		}
	})
	kit.Bubble(t, "in a handler", func(t *testing.T) {
		g := &kit.MessageGateway{Message: func(ctx context.Context, c *kit.Conn, m wsgate.Message) error {
			for range 3 {
				if err := c.Send(m); err != nil {
					return err
				}
			}
			if err := c.Flush(ctx); err != nil {
				t.Errorf("Flush: %v", err)
			}
			<-time.After(time.Minute)
			return nil
		}}
		c := kit.Dial(t, kit.NewApp(t, nil, kit.RouteTo("/ws", g)), "/ws")
		begun := time.Now()
		c.Say("x")
		c.Hears("x", "x", "x")
		if took := time.Since(begun); took > 0 {
			t.Errorf("got it after %v", took)
		}
		synctest.Wait()
	})
	kit.Bubble(t, "the last words", func(t *testing.T) {
		c, server := begin(t)
		server.Send(wsgate.Text("x"))
		server.Close(4000, "bye")
		go c.ReadOn(new(kit.Journal))
		if _, err := flushed(server, time.Minute); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

// What a handler sends goes out while it still runs, however it came to run.
func TestSendsDoNotWaitForTheHandler(t *testing.T) {
	say := wire.Masked(wire.Text, []byte("x"))
	for _, test := range []struct {
		name string
		sent [][]byte
	}{
		{"one message", [][]byte{say}},
		{"several that came together", [][]byte{append(append(append([]byte(nil), say...), say...), say...)}},
		{"one after another", [][]byte{say, say}},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			g := &kit.MessageGateway{Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
				c.Send(wsgate.Text("first"))
				c.Send(wsgate.Text("second"))
				c.All().Send(wsgate.Text("to all"))
				<-time.After(10 * time.Second)
				return nil
			}}
			app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
			c, other := kit.DialRaw(t, app, "/ws"), kit.Dial(t, app, "/ws")
			var frames kit.Journal
			go c.ReadOn(&frames)
			synctest.Wait()
			for _, b := range test.sent {
				c.Put(b)
			}
			var want []string
			for range 2 {
				want = append(want, "text first", "text second", "text to all")
				begun := time.Now()
				other.Hears("to all")
				if took := time.Since(begun); took > 11*time.Second {
					t.Errorf("the other connection got it after %v", took)
				}
				wstest.Pass(time.Second)
				frames.Want(t, want...)
				if len(test.sent) == 1 && test.name == "one message" {
					return
				}
			}
		})
	}
}
