package soak

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// One client that sends as fast as it can, to an App with the default limit of the rate, beside a thousand that ask once
// a second: their p99 is at most 1.5 times what it is without the flood. Both are measured in turns, on the same
// connections.
func TestBesideOneFlood(t *testing.T) {
	const asking, turns = 1000, 3
	for _, flood := range []struct{ name, message string }{
		{"short events", `{"type":"ask","id":"1","text":"hello"}`},
		{"64 KB of JSON", `{"type":"ask","id":"1","text":"` + strings.Repeat("x", 64_000) + `"}`},
	} {
		t.Run(flood.name, func(t *testing.T) {
			addr := serveOracle(t, wsgate.Limits{})
			c := connectAskers(t, addr, asking)
			for range turns {
				c.measure(0)
				t.Run("flood", func(t *testing.T) {
					startFlood(t, addr, flood.message)
					c.measure(1)
				})
			}
			took := c.leave()
			var p99 [2]time.Duration
			for i, all := range took {
				if len(all) == 0 {
					t.Fatal("nothing was measured")
				}
				slices.Sort(all)
				p99[i] = all[99*(len(all)-1)/100]
				t.Logf("%s: %d questions, p50 %v, p99 %v", [...]string{"alone", "beside the flood"}[i], len(all), all[len(all)/2], p99[i])
			}
			ratio := float64(p99[1]) / float64(p99[0])
			t.Logf("p99 beside the flood is %.2f times the other", ratio)
			if ratio > 1.5 && *besideFlood >= time.Second { // a shorter time tells little
				t.Error("want at most 1.5")
			}
		})
	}
}

// askers are many clients that ask now and then.
type askers struct {
	state   atomic.Int32 // which of took is measured; -1 for none
	stop    context.CancelFunc
	clients sync.WaitGroup

	mu   sync.Mutex // guards following
	took [2][]time.Duration
}

// connectAskers returns when all are connected.
func connectAskers(t *testing.T, addr string, n int) *askers {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	c := &askers{stop: stop}
	c.state.Store(-1)
	for range n {
		ws, _, err := websocket.Dial(ctx, "ws://"+addr+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		c.clients.Go(func() {
			defer ws.CloseNow()
			for wait(ctx, time.Duration(float64(time.Second)*(0.5+rand.Float64()))) {
				state, begun := c.state.Load(), time.Now()
				if err := ws.Write(ctx, websocket.MessageText, []byte(`{"type":"ask","id":"1","text":"hello"}`)); err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				if _, _, err := ws.Read(ctx); err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				if state >= 0 && state == c.state.Load() {
					c.mu.Lock()
					c.took[state] = append(c.took[state], time.Since(begun))
					c.mu.Unlock()
				}
			}
		})
	}
	return c
}

// measure measures for a while.
func (c *askers) measure(state int32) {
	c.state.Store(state)
	wait(context.Background(), *besideFlood)
	c.state.Store(-1)
}

// leave ends the clients and returns what was measured.
func (c *askers) leave() [2][]time.Duration {
	c.stop()
	c.clients.Wait()
	return c.took
}
