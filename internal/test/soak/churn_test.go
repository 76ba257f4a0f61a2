package soak

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/local"
)

var churnFor = flag.Duration("churn", time.Second, "how long TestChurn has a client join and leave")

// hopper has its client join the rooms that it names, and leave them again.
type hopper struct {
	tracked bool
	hops    atomic.Int64
}

type traveler struct{}

func (traveler) UserID() string { return "traveler" }

const (
	hop    wsgate.Event[string]                    = "hop"
	people wsgate.Event[wsgate.Presence[struct{}]] = "people"
)

func (*hopper) OnUpgrade(*http.Request) (traveler, error) { return traveler{}, nil }

func (h *hopper) Events() wsgate.Events[traveler] {
	events := wsgate.Events[traveler]{wsgate.On(hop, h.hop)}
	if h.tracked {
		events = append(events, wsgate.Track(people, func(*wsgate.Conn[traveler], string) (struct{}, bool) { return struct{}{}, true }))
	}
	return events
}

func (h *hopper) hop(_ context.Context, c *wsgate.Conn[traveler], room string) error {
	if err := c.Join(room); err != nil {
		return err
	}
	c.Leave(room)
	h.hops.Add(1)
	return nil
}

// countingBroker counts the topics that are subscribed to.
type countingBroker struct {
	local.Broker
	now, most atomic.Int64
}

func (b *countingBroker) Subscribe(ctx context.Context, topic string, receive func([]byte)) (func(), error) {
	end, err := b.Broker.Subscribe(ctx, topic, receive)
	if err != nil {
		return nil, err
	}
	if now := b.now.Add(1); now > b.most.Load() {
		b.most.Store(now)
	}
	return func() { b.now.Add(-1); end() }, nil
}

// TestChurn has one client join rooms of ever new names and leave them, as fast as it can, and looks at what the App holds
// while it does.
func TestChurn(t *testing.T) {
	for _, test := range []struct {
		name            string
		broker, tracked bool
	}{{"alone", false, false}, {"over a Broker", true, false}, {"tracked", false, true}, {"tracked over a Broker", true, true}} {
		t.Run(test.name, func(t *testing.T) {
			options := &wsgate.Options{Logger: slog.New(slog.DiscardHandler)}
			broker := &countingBroker{}
			if test.broker {
				options.Broker = broker
			}
			h := &hopper{tracked: test.tracked}
			app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *hopper { return h }}}}, options)
			if err != nil {
				t.Fatal(err)
			}
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(app)
			defer server.Close()
			defer func() {
				if err := app.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
			}()
			before, begun := heapInUse(), time.Now()
			churn(t, server.URL, begun.Add(*churnFor))
			took, held, hops := time.Since(begun), heapInUse()-before, h.hops.Load()
			t.Logf("%d rooms joined and left in %v (%.0f/s): %.1f MiB are held, %d topics were subscribed to at most",
				hops, took.Round(time.Millisecond), float64(hops)/took.Seconds(), float64(held)/(1<<20), broker.most.Load())
			if held > 16<<20 {
				t.Errorf("%.1f MiB are held for rooms that nobody is in, want at most 16", float64(held)/(1<<20))
			}
			if most := broker.most.Load(); most > 10_010 {
				t.Errorf("%d topics were subscribed to at a time, want at most about 10,000", most)
			}
		})
	}
}

// churn is the client. It waits for the server now and then, so that nothing is under way in the end.
func churn(t *testing.T, url string, until time.Time) {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), strings.Replace(url, "http", "ws", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	for i := 0; time.Now().Before(until); i++ {
		for j := range 256 {
			id := ""
			if j == 255 {
				id = `"id":1,`
			}
			text := fmt.Sprintf(`{"type":"hop",%s"data":"room %d %d"}`, id, i, j)
			if err := ws.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		for answered := false; !answered; {
			_, m, err := ws.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			answered = strings.Contains(string(m), `"id":1`)
		}
	}
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
