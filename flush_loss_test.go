package wsgate_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// Flush returns nil if everything that Send took before was written, also when the connection has ended since, and
// otherwise says why it was not.
func TestFlushTellsLoss(t *testing.T) {
	begin := func(t *testing.T) (*rawClient, *testConn) {
		conns := make(chan *testConn, 1)
		g := &messageGateway{testHooks: testHooks{open: func(_ context.Context, c *testConn) error { conns <- c; return nil }}}
		opts := &wsgate.Options{Limits: wsgate.Limits{QueueMessages: 20}}
		c := dialRaw(t, newApp(t, opts, routeTo("/ws", g)), "/ws")
		return c, receive(t, conns, "OnOpen")
	}
	send := func(t *testing.T, c *testConn, want error) {
		t.Helper()
		if err := c.Send(wsgate.Text("x")); !errors.Is(err, want) {
			t.Errorf("Send: got %v, want %v", err, want)
		}
		synctest.Wait() // the first one is being written: it cannot be dropped
	}
	fill := func(t *testing.T, c *testConn) {
		t.Helper()
		for range 20 {
			send(t, c, nil)
		}
	}
	for _, test := range []struct {
		name string
		do   func(t *testing.T, client *rawClient, c *testConn)
		want error // nil if everything was written
	}{
		{"a full queue drops what waits", func(t *testing.T, client *rawClient, c *testConn) {
			fill(t, c)
			send(t, c, wsgate.ErrSlowClient)
		}, wsgate.ErrSlowClient},
		{"a full queue drops what waits, and the client reads the rest", func(t *testing.T, client *rawClient, c *testConn) {
			fill(t, c)
			send(t, c, wsgate.ErrSlowClient)
			go client.readOn(new(journal))
			synctest.Wait()
		}, wsgate.ErrSlowClient},
		{"a full queue drops what waits while Flush waits", func(t *testing.T, client *rawClient, c *testConn) {
			fill(t, c)
			go func() { wstest.Pass(time.Second); c.Send(wsgate.Text("x")); client.readOn(new(journal)) }()
		}, wsgate.ErrSlowClient},
		{"a write takes too long", func(t *testing.T, client *rawClient, c *testConn) { fill(t, c) }, wsgate.ErrSlowClient},
		{"the client resets", func(t *testing.T, client *rawClient, c *testConn) {
			fill(t, c)
			client.Close()
			synctest.Wait()
		}, wsgate.ErrClosed},
		{"the App cuts", func(t *testing.T, client *rawClient, c *testConn) {
			fill(t, c)
			go func() {
				wstest.Pass(time.Second)
				c.Close(websocket.StatusInternalError, "")
			}()
		}, wsgate.ErrClosed},
		{"it was written before the client closed", func(t *testing.T, client *rawClient, c *testConn) {
			go client.readOn(new(journal))
			fill(t, c)
			client.put(closeFrame(1000, ""))
			synctest.Wait()
		}, nil},
		{"it was written, and the close frame was not", func(t *testing.T, client *rawClient, c *testConn) {
			send(t, c, nil)
			client.frame()
			synctest.Wait()
			c.Close(4000, "")
			wstest.Pass(time.Minute)
		}, nil},
		{"nothing was sent", func(t *testing.T, client *rawClient, c *testConn) {
			client.Close()
			synctest.Wait()
		}, nil},
	} {
		bubble(t, test.name, func(t *testing.T) {
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
