package transport_test

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
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// The closing handshake is over in a bounded time, whatever the client does or leaves undone.
func TestClosingHandshakeIsBounded(t *testing.T) {
	const most = 16 * time.Second // one write, and the time to answer
	behaviours := []struct {
		name string
		do   func(c *kit.RawClient, cut <-chan struct{})
		wait time.Duration // before the server closes
	}{
		{"reads and does not answer", func(c *kit.RawClient, _ <-chan struct{}) { c.Gone(most) }, 0},
		{"does not read", func(*kit.RawClient, <-chan struct{}) {}, 0},
		{"does not read, with a write under way", func(*kit.RawClient, <-chan struct{}) {}, time.Second},
		{"does not read and goes on sending", func(c *kit.RawClient, cut <-chan struct{}) {
			for {
				select {
				case <-cut:
					return
				case <-time.After(100 * time.Millisecond):
				}
				c.SetWriteDeadline(time.Now().Add(time.Second))
				c.Write(wire.Masked(wire.Text, []byte("more")))
			}
		}, 0},
		{"answers with a dribbled frame", func(c *kit.RawClient, cut <-chan struct{}) {
			go io.Copy(io.Discard, c)
			c.Write([]byte{wire.Text, 0x80 | 127, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
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
		{"answers with pings", func(c *kit.RawClient, cut <-chan struct{}) {
			go io.Copy(io.Discard, c)
			for {
				select {
				case <-cut:
					return
				case <-time.After(100 * time.Millisecond):
				}
				c.SetWriteDeadline(time.Now().Add(time.Second))
				c.Write(wire.Masked(wire.Ping, nil))
			}
		}, 0},
	}
	handlers := []struct {
		name string
		busy bool
	}{{"", false}, {", while a handler ignores its context", true}}
	for _, b := range behaviours {
		for _, h := range handlers {
			kit.Bubble(t, b.name+h.name, func(t *testing.T) {
				conns := make(chan *kit.Conn, 1)
				closed := make(chan time.Time, 1)
				g := &kit.MessageGateway{
					Hooks: kit.Hooks{
						Open:  func(_ context.Context, c *kit.Conn) error { conns <- c; return nil },
						Close: func(context.Context, *kit.Conn, error) { closed <- time.Now() },
					},
					Message: func(context.Context, *kit.Conn, wsgate.Message) error {
						<-time.After(2 * time.Minute)
						return nil
					},
				}
				// Only the closing handshake may end the connection.
				limits := wsgate.Limits{Ping: time.Hour, MessageTime: time.Hour, Message: 1 << 30}
				client := kit.DialRaw(t, kit.NewApp(t, &wsgate.Options{Limits: limits}, kit.RouteTo("/ws", g)), "/ws")
				server := <-conns
				if h.busy {
					client.Put(wire.Masked(wire.Text, []byte("work")))
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
				if at := kit.Receive(t, closed, "OnClose"); !h.busy && at.Sub(begun) > most {
					t.Errorf("OnClose ran after %v, want at most %v", at.Sub(begun), most)
				}
			})
		}
	}
}

// isCut returns a channel that is closed when the server has closed the bare connection. It takes nothing from the client:
// it reads no bytes.
func isCut(c *kit.RawClient) <-chan struct{} {
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
	kit.Bubble(t, "OnUpgrade ignores its context", func(t *testing.T) {
		proceed := make(chan struct{})
		g := &kit.MessageGateway{Hooks: kit.Hooks{Upgrade: func(*http.Request) (kit.Data, error) {
			<-proceed
			return kit.Data{}, nil
		}}}
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
		begun := time.Now()
		resp := kit.DialRefused(t, app, "/ws", nil)
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
	kit.Bubble(t, "OnUpgrade heeds its context", func(t *testing.T) {
		g := &kit.MessageGateway{Hooks: kit.Hooks{Upgrade: func(r *http.Request) (kit.Data, error) {
			<-r.Context().Done()
			return kit.Data{}, r.Context().Err()
		}}}
		begun := time.Now()
		resp := kit.DialRefused(t, kit.NewApp(t, nil, kit.RouteTo("/ws", g)), "/ws", nil)
		if took := time.Since(begun); resp.StatusCode != http.StatusServiceUnavailable || took != 10*time.Second {
			t.Errorf("got status %d after %v, want 503 after 10s", resp.StatusCode, took)
		}
	})
	kit.Bubble(t, "OnUpgrade is fast", func(t *testing.T) {
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{}))
		for range 300 { // no upgrade may be taken for a late one
			kit.Dial(t, app, "/ws").Close(1000, "")
		}
	})
	kit.Bubble(t, "OnOpen blocks", func(t *testing.T) {
		var happened kit.Journal
		g := &kit.MessageGateway{Hooks: kit.Hooks{
			Open: func(ctx context.Context, c *kit.Conn) error {
				<-ctx.Done()
				happened.Add("cancelled: %v", context.Cause(ctx) == wsgate.ErrLimit)
				return ctx.Err()
			},
			Close: func(context.Context, *kit.Conn, error) { happened.Add("OnClose") },
		}}
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
		begun := time.Now()
		c := kit.Dial(t, app, "/ws")
		c.Closed(websocket.StatusTryAgainLater, "opening took too long")
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("closed after %v, want 10s", took)
		}
		synctest.Wait()
		happened.Want(t, "cancelled: true")
		if lines := app.Log.With("ERROR"); len(lines) > 0 {
			t.Errorf("logged %q", lines)
		}
	})
	kit.Bubble(t, "both together", func(t *testing.T) {
		g := &kit.MessageGateway{Hooks: kit.Hooks{
			Upgrade: func(*http.Request) (kit.Data, error) { <-time.After(6 * time.Second); return kit.Data{}, nil },
			Open:    func(ctx context.Context, _ *kit.Conn) error { <-ctx.Done(); return ctx.Err() },
		}}
		begun := time.Now()
		kit.Dial(t, kit.NewApp(t, nil, kit.RouteTo("/ws", g)), "/ws").Closed(websocket.StatusTryAgainLater, "")
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("closed after %v, want 10s", took)
		}
	})
	kit.Bubble(t, "OnOpen is too late and returns nil", func(t *testing.T) {
		var happened kit.Journal
		g := &kit.MessageGateway{Hooks: kit.Hooks{
			Open: func(context.Context, *kit.Conn) error { <-time.After(20 * time.Second); return nil },
			Close: func(_ context.Context, _ *kit.Conn, err error) {
				happened.Add("OnClose: %v", errors.Is(err, wsgate.ErrLimit))
			},
		}}
		kit.Dial(t, kit.NewApp(t, nil, kit.RouteTo("/ws", g)), "/ws").Closed(websocket.StatusTryAgainLater, "")
		wstest.Pass(time.Minute)
		happened.Want(t, "OnClose: true")
	})
}
