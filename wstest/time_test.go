package wstest_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// watched is a gateway that notes how its connections end.
type watched struct {
	mu   sync.Mutex // guards following
	ends []string   // "path cause"
}

func newWatched() *watched { return &watched{} }

func (w *watched) OnMessage(ctx context.Context, c *conn, m wsgate.Message) error {
	switch string(m.Data) {
	case "flood":
		for c.Send(wsgate.Text(strings.Repeat("x", 1000))) == nil {
		}
		return nil
	case "wait":
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return c.Send(m)
}

func (w *watched) OnClose(_ context.Context, c *conn, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	cause := "nil"
	for name, known := range map[string]error{"slow": wsgate.ErrSlowClient, "ping": wsgate.ErrPingTimeout, "shutdown": wsgate.ErrShutdown, "eof": io.ErrUnexpectedEOF, "reset": syscall.ECONNRESET} {
		if errors.Is(err, known) {
			cause = name
		}
	}
	if err != nil && cause == "nil" {
		cause = err.Error()
	}
	w.ends = append(w.ends, cause)
}

// ended returns how connections have ended since the last call.
func (w *watched) ended() string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	ends := strings.Join(w.ends, " ")
	w.ends = nil
	return ends
}

// bubble runs a test of a watched gateway in fake time.
func bubble(t *testing.T, name string, test func(t *testing.T, app *wstest.App, w *watched)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWatched()
			app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *watched { return w }}}}, wstest.Timeout(time.Hour))
			test(t, app, w)
		})
	})
}

func expectEnd(t *testing.T, w *watched, want string) {
	t.Helper()
	if got := w.ended(); got != want {
		t.Errorf("OnClose got %q, want %q", got, want)
	}
}

func sendText(c *wstest.Client, text string) { c.Send(wsgate.Text(text)) }

// Heartbeats, slow clients and drains, in fake time: hours of it in a moment.
func TestTime(t *testing.T) {
	bubble(t, "a client that reads stays for ever", func(t *testing.T, app *wstest.App, w *watched) {
		client := app.Dial("/")
		wstest.Pass(24 * time.Hour)
		sendText(client, "still here")
		if got := client.Next(); string(got.Data) != "still here" {
			t.Errorf("got %s", got.Data)
		}
		expectEnd(t, w, "")
	})
	bubble(t, "a client that sleeps is found by the heartbeat", func(t *testing.T, app *wstest.App, w *watched) {
		client := app.Dial("/")
		synctest.Wait()
		client.StopReading()
		begun := time.Now()
		for w.ended() == "" {
			wstest.Pass(time.Second)
		}
		// Its pipe is full with the first ping, so that the write times out, or the pong does: whatever is first.
		if took := time.Since(begun); took < 20*time.Second || took > 40*time.Second {
			t.Errorf("it took %v", took)
		}
	})
	bubble(t, "a client that is back in time stays", func(t *testing.T, app *wstest.App, w *watched) {
		client := app.Dial("/")
		client.StopReading()
		wstest.Pass(20 * time.Second)
		client.Resume()
		wstest.Pass(time.Hour)
		expectEnd(t, w, "")
	})
	bubble(t, "a slow client is closed when its queue is full", func(t *testing.T, app *wstest.App, w *watched) {
		slow, other := app.Dial("/"), app.Dial("/")
		slow.StopReading()
		sendText(slow, "flood")
		expectEnd(t, w, "")
		sendText(other, "meanwhile")
		if got := other.Next(); string(got.Data) != "meanwhile" {
			t.Errorf("got %s", got.Data)
		}
		wstest.Pass(30 * time.Second)
		expectEnd(t, w, "slow")
	})
	bubble(t, "a slow client that reads again hears why", func(t *testing.T, app *wstest.App, w *watched) {
		slow := app.Dial("/")
		slow.StopReading()
		sendText(slow, "flood")
		synctest.Wait()
		slow.Resume()
		if reason := wstest.ExpectClose(slow, websocket.StatusTryAgainLater); reason != "slow client" {
			t.Errorf("got %q", reason)
		}
		expectEnd(t, w, "slow")
	})
	bubble(t, "one write that takes too long", func(t *testing.T, app *wstest.App, w *watched) {
		slow := app.Dial("/")
		slow.StopReading()
		sendText(slow, "one message")
		wstest.Pass(9 * time.Second)
		expectEnd(t, w, "")
		wstest.Pass(2 * time.Second)
		expectEnd(t, w, "slow")
	})
	bubble(t, "a drain waits for the handler and says why it closes", func(t *testing.T, app *wstest.App, w *watched) {
		busy, idle := app.Dial("/"), app.Dial("/")
		sendText(busy, "wait")
		if err := app.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		for _, client := range []*wstest.Client{busy, idle} {
			if reason := wstest.ExpectClose(client, websocket.StatusServiceRestart); reason != "server shutting down" {
				t.Errorf("got %q", reason)
			}
		}
		expectEnd(t, w, "shutdown shutdown")
		app.ExpectRefused(503, "/")
	})
	bubble(t, "a drain does not wait longer than its context for a client that sleeps", func(t *testing.T, app *wstest.App, w *watched) {
		app.Dial("/").StopReading()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		if err := app.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
	bubble(t, "a message that dribbles in is cut off", func(t *testing.T, app *wstest.App, w *watched) {
		client := app.Dial("/")
		client.SendBytes([]byte{0x81, 0x8a, 0, 0, 0, 0, 'b', 'e', 'g'})
		if reason := wstest.ExpectClose(client, websocket.StatusTryAgainLater); reason != "message took too long" {
			t.Errorf("got %q", reason)
		}
	})
}

// Whatever happens to the connection, OnClose hears of it once.
func TestChaos(t *testing.T) {
	bubble(t, "delay", func(t *testing.T, app *wstest.App, w *watched) {
		client := app.Dial("/")
		synctest.Wait()
		client.Delay(time.Second)
		begun := time.Now()
		sendText(client, "slowly")
		client.Next()
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("there and back took %v", took)
		}
	})
	bubble(t, "split writes", func(t *testing.T, app *wstest.App, w *watched) {
		client := app.Dial("/")
		client.SplitWrites(1)
		text := strings.Repeat("wsgate", 100)
		sendText(client, text)
		if got := client.Next(); string(got.Data) != text {
			t.Errorf("got %s", got.Data)
		}
	})
	bubble(t, "reset", func(t *testing.T, app *wstest.App, w *watched) {
		client := app.Dial("/")
		synctest.Wait()
		client.Reset()
		expectEnd(t, w, "reset")
	})
	bubble(t, "reset while a handler runs", func(t *testing.T, app *wstest.App, w *watched) {
		client := app.Dial("/")
		sendText(client, "wait")
		synctest.Wait()
		wstest.Pass(time.Second)
		client.Reset()
		expectEnd(t, w, "reset")
	})
	bubble(t, "half-close", func(t *testing.T, app *wstest.App, w *watched) {
		client := app.Dial("/")
		client.CloseWrite()
		expectEnd(t, w, "eof")
	})
	bubble(t, "proper close", func(t *testing.T, app *wstest.App, w *watched) {
		app.Dial("/").Close(websocket.StatusGoingAway, "bye")
		expectEnd(t, w, "nil")
	})
}
