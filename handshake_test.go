package wsgate_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// The closing handshake is over in a bounded time, whatever the client does or leaves undone.
func TestClosingHandshakeIsBounded(t *testing.T) {
	const most = 16 * time.Second // one write, and the time to answer
	behaviours := []struct {
		name string
		do   func(c *rawClient, cut <-chan struct{})
		wait time.Duration // before the server closes
	}{
		{"reads and does not answer", func(c *rawClient, _ <-chan struct{}) { c.gone(most) }, 0},
		{"does not read", func(*rawClient, <-chan struct{}) {}, 0},
		{"does not read, with a write under way", func(*rawClient, <-chan struct{}) {}, time.Second},
		{"does not read and goes on sending", func(c *rawClient, cut <-chan struct{}) {
			for {
				select {
				case <-cut:
					return
				case <-time.After(100 * time.Millisecond):
				}
				c.SetWriteDeadline(time.Now().Add(time.Second))
				c.Write(clientFrame(frameText, []byte("more")))
			}
		}, 0},
		{"answers with a dribbled frame", func(c *rawClient, cut <-chan struct{}) {
			go io.Copy(io.Discard, c)
			c.Write([]byte{frameText, 0x80 | 127, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
			for {
				select {
				case <-cut:
					return
				case <-time.After(100 * time.Millisecond):
				}
				c.SetWriteDeadline(time.Now().Add(time.Second))
				c.Write([]byte{'x'})
			}
		}, 0},
		{"answers with pings", func(c *rawClient, cut <-chan struct{}) {
			go io.Copy(io.Discard, c)
			for {
				select {
				case <-cut:
					return
				case <-time.After(100 * time.Millisecond):
				}
				c.SetWriteDeadline(time.Now().Add(time.Second))
				c.Write(clientFrame(framePing, nil))
			}
		}, 0},
	}
	handlers := []struct {
		name string
		busy bool
	}{{"", false}, {", while a handler ignores its context", true}}
	for _, b := range behaviours {
		for _, h := range handlers {
			bubble(t, b.name+h.name, func(t *testing.T) {
				conns := make(chan *testConn, 1)
				closed := make(chan time.Time, 1)
				g := &messageGateway{
					testHooks: testHooks{
						open:  func(_ context.Context, c *testConn) error { conns <- c; return nil },
						close: func(context.Context, *testConn, error) { closed <- time.Now() },
					},
					message: func(context.Context, *testConn, wsgate.Message) error {
						<-time.After(2 * time.Minute)
						return nil
					},
				}
				// Only the closing handshake may end the connection.
				limits := wsgate.Limits{Ping: time.Hour, MessageTime: time.Hour, Message: 8 << 30}
				client := dialRaw(t, newApp(t, &wsgate.Options{Limits: limits}, routeTo("/ws", g)), "/ws")
				server := <-conns
				if h.busy {
					client.put(clientFrame(frameText, []byte("work")))
					wstest.Pass(time.Second)
				}
				if b.wait > 0 {
					server.Send(wsgate.Text("stuck"))
					wstest.Pass(b.wait)
				}
				cut := make(chan struct{})
				begun := time.Now()
				server.Close(4000, "enough")
				go func() {
					select {
					case <-isCut(client):
					case <-time.After(5 * time.Minute):
					}
					close(cut)
				}()
				b.do(client, cut)
				<-cut
				if took := time.Since(begun); took > most {
					t.Errorf("the connection was open for another %v, want at most %v", took, most)
				}
				if at := receive(t, closed, "OnClose"); !h.busy && at.Sub(begun) > most {
					t.Errorf("OnClose ran after %v, want at most %v", at.Sub(begun), most)
				}
			})
		}
	}
}

// isCut returns a channel that is closed when the server has closed the bare connection. It takes nothing from the client:
// it reads no bytes.
func isCut(c *rawClient) <-chan struct{} {
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		for range 6000 {
			if _, err := c.Read(nil); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			<-time.After(50 * time.Millisecond)
		}
	}()
	return cut
}

func TestHandshakeTime(t *testing.T) {
	bubble(t, "OnUpgrade ignores its context", func(t *testing.T) {
		proceed := make(chan struct{})
		g := &messageGateway{testHooks: testHooks{upgrade: func(*http.Request) (testData, error) {
			<-proceed
			return testData{}, nil
		}}}
		app := newApp(t, nil, routeTo("/ws", g))
		begun := time.Now()
		resp := dialRefused(t, app, "/ws", nil)
		if took := time.Since(begun); resp.StatusCode != http.StatusServiceUnavailable || took != 10*time.Second {
			t.Errorf("got status %d after %v, want 503 after 10s", resp.StatusCode, took)
		}
		if resp.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		close(proceed)
		synctest.Wait()
		if n := app.Hub().Len(); n != 0 {
			t.Errorf("%d connections", n)
		}
	})
	bubble(t, "OnUpgrade heeds its context", func(t *testing.T) {
		g := &messageGateway{testHooks: testHooks{upgrade: func(r *http.Request) (testData, error) {
			<-r.Context().Done()
			return testData{}, r.Context().Err()
		}}}
		begun := time.Now()
		resp := dialRefused(t, newApp(t, nil, routeTo("/ws", g)), "/ws", nil)
		if took := time.Since(begun); resp.StatusCode != http.StatusServiceUnavailable || took != 10*time.Second {
			t.Errorf("got status %d after %v, want 503 after 10s", resp.StatusCode, took)
		}
	})
	bubble(t, "OnUpgrade is fast", func(t *testing.T) {
		app := newApp(t, nil, routeTo("/ws", &messageGateway{}))
		for range 300 { // no upgrade may be taken for a late one
			dial(t, app, "/ws").Close(1000, "")
		}
	})
	bubble(t, "OnOpen blocks", func(t *testing.T) {
		var happened journal
		g := &messageGateway{testHooks: testHooks{
			open: func(ctx context.Context, c *testConn) error {
				<-ctx.Done()
				happened.add("cancelled: %v", context.Cause(ctx) == wsgate.ErrLimit)
				return ctx.Err()
			},
			close: func(context.Context, *testConn, error) { happened.add("OnClose") },
		}}
		app := newApp(t, nil, routeTo("/ws", g))
		begun := time.Now()
		c := dial(t, app, "/ws")
		c.closed(websocket.StatusTryAgainLater, "opening took too long")
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("closed after %v, want 10s", took)
		}
		synctest.Wait()
		happened.want(t, "cancelled: true")
		if lines := app.log.with("ERROR"); len(lines) > 0 {
			t.Errorf("logged %q", lines)
		}
	})
	bubble(t, "both together", func(t *testing.T) {
		g := &messageGateway{testHooks: testHooks{
			upgrade: func(*http.Request) (testData, error) { <-time.After(6 * time.Second); return testData{}, nil },
			open:    func(ctx context.Context, _ *testConn) error { <-ctx.Done(); return ctx.Err() },
		}}
		begun := time.Now()
		dial(t, newApp(t, nil, routeTo("/ws", g)), "/ws").closed(websocket.StatusTryAgainLater, "")
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("closed after %v, want 10s", took)
		}
	})
	bubble(t, "OnOpen is too late and returns nil", func(t *testing.T) {
		var happened journal
		g := &messageGateway{testHooks: testHooks{
			open: func(context.Context, *testConn) error { <-time.After(20 * time.Second); return nil },
			close: func(_ context.Context, _ *testConn, err error) {
				happened.add("OnClose: %v", isError(wsgate.ErrLimit)(err))
			},
		}}
		dial(t, newApp(t, nil, routeTo("/ws", g)), "/ws").closed(websocket.StatusTryAgainLater, "")
		wstest.Pass(time.Minute)
		happened.want(t, "OnClose: true")
	})
}
