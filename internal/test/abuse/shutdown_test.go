package abuse

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// Row 73: the App ends with close code 1012 for everybody, whatever they do; all that was taken is answered before.
func shutdowns(t *testing.T) {
	for _, tc := range []struct {
		name    string
		clients int
		loaded  bool
		stops   int // how often it is told to
	}{
		{"without clients", 0, false, 1},
		{"idle", 50, false, 1},
		{"loaded", 50, true, 1},
		{"twice", 10, true, 2},
		{"many times", 10, false, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, setup{limits: wsgate.Limits{Rate: math.MaxInt}})
			var all []*client
			for range tc.clients {
				c := s.connect(t)
				c.echoes()
				all = append(all, c)
			}
			s.neighbours.moveOut(t, s.memory.paused())
			var clients sync.WaitGroup
			for _, c := range all {
				clients.Go(func() { c.untilShutdown(tc.loaded) })
			}
			begun := time.Now()
			var calls sync.WaitGroup
			for range tc.stops - 1 {
				calls.Go(func() {
					if err := s.app.Shutdown(context.Background()); err != nil {
						t.Errorf("Shutdown: %v", err)
					}
				})
			}
			s.stop()
			if err := s.end(); err != nil {
				t.Errorf("Serve: %v", err)
			}
			calls.Wait()
			clients.Wait()
			if took := time.Since(begun); took > late {
				t.Errorf("it took %v", took)
			}
			for _, c := range all {
				c.closedWith(wsgate.ErrShutdown)
			}
			if n := s.app.Hub().Len(); n > 0 {
				t.Errorf("%d connections are left", n)
			}
		})
	}
}

// untilShutdown reads until the server closes. Under load there is always one more message under way to it.
func (c *client) untilShutdown(loaded bool) {
	for loaded && c.try(masked(text, hello)) {
		c.SetReadDeadline(time.Now().Add(patience))
		if first, err := c.in.Peek(1); err != nil || first[0] == closing {
			break
		}
		if f, err := wire.ReadFrame(c.in); err != nil || !bytes.Equal(f.Payload, hello) {
			c.t.Errorf("got frame %v, %v", f, err)
		}
	}
	if before, code := c.closed(); code != 1012 || len(before) > 0 {
		c.t.Errorf("got close code %d after %v, want 1012", code, before)
	}
}

// unfinished is how long net/http waits in its Shutdown for a request that has begun.
const unfinished = 5 * time.Second

// Row 73: clients that do not read, or do not answer, hold the App up no longer than their limits say.
func shutdownWithBadClients(t *testing.T) {
	s := start(t, setup{
		limits: wsgate.Limits{QueueBytes: 64 << 20, Write: short, Close: short},
		hooks:  hooks{message: push}, most: 128 << 20,
	})
	var all []*client
	for i := range 6 {
		c := s.slow(t)
		if i%2 == 0 {
			c.put(masked(text, []byte("push 4 1048576"))) // of which it reads nothing
			if !eventually(patience, func() bool { c.idle(short / 10); return c.in.Buffered() > 0 }) {
				t.Fatal("nothing came")
			}
		}
		all = append(all, c)
	}
	for range 3 {
		c := s.dial(t) // does not finish its request
		c.put(fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: x\r\n", c.target()))
	}
	s.neighbours.moveOut(t, s.memory.paused())
	begun := time.Now()
	s.stop()
	if err := s.end(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if took := time.Since(begun); took > unfinished+late {
		t.Errorf("Serve returned after %v, want at most about %v", took, unfinished)
	}
	for _, c := range all {
		c.closedWith(errAny)
	}
}
