package transport_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// Flush returns nil if everything that Send took before was written, also when the connection has ended since, and
// otherwise says why it was not.
func TestFlushTellsLoss(t *testing.T) {
	begin := func(t *testing.T) (*kit.RawClient, *kit.Conn) {
		conns := make(chan *kit.Conn, 1)
		g := &kit.MessageGateway{Hooks: kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error { conns <- c; return nil }}}
		opts := &wsgate.Options{Limits: wsgate.Limits{QueueMessages: 20}}
		c := kit.DialRaw(t, kit.NewApp(t, opts, kit.RouteTo("/ws", g)), "/ws")
		return c, kit.Receive(t, conns, "OnOpen")
	}
	send := func(t *testing.T, c *kit.Conn, want error) {
		t.Helper()
		if err := c.Send(wsgate.Text("x")); !errors.Is(err, want) {
			t.Errorf("Send: got %v, want %v", err, want)
		}
		synctest.Wait() // the first one is being written: it cannot be dropped
	}
	fill := func(t *testing.T, c *kit.Conn) {
		t.Helper()
		for range 20 {
			send(t, c, nil)
		}
	}
	for _, test := range []struct {
		name string
		do   func(t *testing.T, client *kit.RawClient, c *kit.Conn)
		want error // nil if everything was written
	}{
		{"a full queue drops what waits", func(t *testing.T, client *kit.RawClient, c *kit.Conn) {
			fill(t, c)
			send(t, c, wsgate.ErrSlowClient)
		}, wsgate.ErrSlowClient},
		{"a full queue drops what waits, and the client reads the rest", func(t *testing.T, client *kit.RawClient, c *kit.Conn) {
			fill(t, c)
			send(t, c, wsgate.ErrSlowClient)
			go client.ReadOn(new(kit.Journal))
			synctest.Wait()
		}, wsgate.ErrSlowClient},
		{"a full queue drops what waits while Flush waits", func(t *testing.T, client *kit.RawClient, c *kit.Conn) {
			fill(t, c)
			go func() { wstest.Pass(time.Second); c.Send(wsgate.Text("x")); client.ReadOn(new(kit.Journal)) }()
		}, wsgate.ErrSlowClient},
		{"a write takes too long", func(t *testing.T, client *kit.RawClient, c *kit.Conn) { fill(t, c) }, wsgate.ErrSlowClient},
		{"the client resets", func(t *testing.T, client *kit.RawClient, c *kit.Conn) {
			fill(t, c)
			client.Close()
			synctest.Wait()
		}, wsgate.ErrClosed},
		{"the App cuts", func(t *testing.T, client *kit.RawClient, c *kit.Conn) {
			fill(t, c)
			go func() {
				wstest.Pass(time.Second)
				c.Close(websocket.StatusInternalError, "")
			}()
		}, wsgate.ErrClosed},
		{"it was written before the client closed", func(t *testing.T, client *kit.RawClient, c *kit.Conn) {
			go client.ReadOn(new(kit.Journal))
			fill(t, c)
			client.Put(kit.CloseFrame(1000, ""))
			synctest.Wait()
		}, nil},
		{"it was written, and the close frame was not", func(t *testing.T, client *kit.RawClient, c *kit.Conn) {
			send(t, c, nil)
			client.Frame()
			synctest.Wait()
			c.Close(4000, "")
			wstest.Pass(time.Minute)
		}, nil},
		{"nothing was sent", func(t *testing.T, client *kit.RawClient, c *kit.Conn) {
			client.Close()
			synctest.Wait()
		}, nil},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			client, c := begin(t)
			test.do(t, client, c)
			_, err := flushed(c, time.Minute)
			if !errors.Is(err, test.want) {
				t.Errorf("Flush: got %v, want %v", err, test.want)
			}
			if test.want != nil && !errors.Is(err, wsgate.ErrClosed) {
				t.Errorf("Flush: got %v, want also %v", err, wsgate.ErrClosed)
			}
			synctest.Wait()
			if _, again := flushed(c, time.Minute); !errors.Is(again, test.want) || (again == nil) != (test.want == nil) {
				t.Errorf("Flush again: got %v, want %v", again, test.want)
			}
		})
	}
}
