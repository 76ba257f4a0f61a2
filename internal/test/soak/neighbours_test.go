package soak

import (
	"bytes"
	"context"
	"flag"
	"io"
	"log/slog"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

var besideFlood = flag.Duration("beside", 300*time.Millisecond, "how long TestBesideFlood measures each kind of flood")

// The clients of TestBesideFlood, and how long one of those that ask waits between its questions.
const (
	flooding, asking = 20, 20
	askPause         = 5 * time.Millisecond
)

type question struct {
	Text string `json:"text"`
}

var ask wsgate.Call[question, question] = "ask"

// oracle is a gateway that answers what it is asked.
type oracle struct{}

func (*oracle) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{wsgate.Answer(ask, func(_ context.Context, _ *wsgate.Conn[struct{}], q question) (question, error) { return q, nil })}
}

// Clients that send as fast as they can, where no limit of the rate stops them, and read whatever comes back: how long
// others wait for an answer meanwhile.
func TestBesideFlood(t *testing.T) {
	long := strings.Repeat("x", 64_000)
	for _, flood := range []struct{ name, message string }{
		{"nobody else", ""},
		{"short events, which are answered", `{"type":"ask","id":"1","text":"hello"}`},
		{"64 KB of JSON with an unknown event", `{"type":"nothing","text":"` + long + `"}`},
		{"64 KB of JSON, which is answered", `{"type":"ask","id":"1","text":"` + long + `"}`},
	} {
		t.Run(flood.name, func(t *testing.T) {
			addr := serveOracle(t, wsgate.Limits{Rate: math.MaxInt})
			if flood.message != "" {
				for range flooding {
					startFlood(t, addr, flood.message)
				}
			}
			took := askFor(t, addr, *besideFlood)
			slices.Sort(took)
			if t.Failed() {
				return
			}
			p := func(q float64) time.Duration { return took[int(q*float64(len(took)-1))].Round(10 * time.Microsecond) }
			t.Logf("%d questions: p50 %v, p99 %v, longest %v", len(took), p(0.5), p(0.99), p(1))
		})
	}
}

// serveOracle serves the oracle until the test ends.
func serveOracle(t *testing.T, limits wsgate.Limits) (addr string) {
	t.Helper()
	app, err := wsgate.New(
		&wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *oracle { return &oracle{} }}}},
		&wsgate.Options{Logger: slog.New(slog.DiscardHandler), Limits: limits},
	)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveUntilEnd(t, app, ln)
	return ln.Addr().String()
}

// startFlood connects a client that sends one message again and again until the test ends.
func startFlood(t *testing.T, addr, message string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	from, _, err := wire.Handshake(conn)
	if err != nil {
		t.Fatal(err)
	}
	frame := wire.Masked(wire.Text, []byte(message))
	batch := bytes.Repeat(frame, max(1, 64<<10/len(frame)))
	var working sync.WaitGroup
	t.Cleanup(func() {
		conn.Close()
		working.Wait()
	})
	working.Go(func() { _, _ = io.Copy(io.Discard, from) })
	working.Go(func() {
		for {
			if _, err := conn.Write(batch); err != nil {
				return
			}
		}
	})
}

// askFor has clients ask for that long and at least once, each again askPause after its answer, and returns how long the answers took.
func askFor(t *testing.T, addr string, lasts time.Duration) (took []time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lasts+time.Minute)
	defer cancel()
	var mu sync.Mutex // guards took
	var clients sync.WaitGroup
	end := time.Now().Add(lasts)
	for range asking {
		clients.Go(func() {
			ws, _, err := websocket.Dial(ctx, "ws://"+addr+"/", nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer ws.CloseNow()
			var own []time.Duration
			for ok := true; ok; ok = time.Now().Before(end) && wait(ctx, askPause) {
				begun := time.Now()
				if err := ws.Write(ctx, websocket.MessageText, []byte(`{"type":"ask","id":"1","text":"hello"}`)); err != nil {
					t.Error(err)
					return
				}
				if _, _, err := ws.Read(ctx); err != nil {
					t.Error(err)
					return
				}
				own = append(own, time.Since(begun))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
		})
	}
	clients.Wait()
	return took
}
