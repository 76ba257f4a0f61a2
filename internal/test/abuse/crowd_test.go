package abuse

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// Row 16: of many connections at once as many are accepted as may be, and the others hear when to come back.
func connectionStorm(t *testing.T) {
	const storm, places = 400, 50
	s := start(t, setup{options: wsgate.Options{Limits: wsgate.Limits{Connections: many + places}}})
	t.Run("all", func(t *testing.T) {
		var in, out, wrong atomic.Int64
		var wg sync.WaitGroup
		for range storm {
			c := s.dial(t)
			wg.Go(func() {
				c.put(s.upgrade(c.target()))
				switch resp := c.response(); {
				case resp.StatusCode == 101:
					in.Add(1)
				case resp.StatusCode == 503 && resp.Header.Get("Retry-After") != "" && resp.Close:
					out.Add(1)
				default:
					wrong.Add(1)
				}
			})
		}
		wg.Wait()
		if in.Load() != places || out.Load() != storm-places {
			t.Errorf("%d accepted, %d refused, %d answered otherwise; want %d and %d", in.Load(), out.Load(), wrong.Load(), places, storm-places)
		}
	})
	s.place(t, func(c *client) bool {
		c.put(s.upgrade(c.target()))
		return c.response().StatusCode == 101
	})
}

// Row 65: very many leave at once, each in its way.
func massDisconnect(t *testing.T) {
	const leaving = 400
	s := start(t, setup{hooks: hooks{open: room}, most: 64 << 20})
	var took time.Duration
	t.Run("all", func(t *testing.T) {
		all := make([]*client, leaving)
		for i := range all {
			all[i] = s.connect(t)
		}
		if !eventually(patience, func() bool { return s.app.Hub().Len() == leaving+many }) {
			t.Fatalf("%d connections, want %d", s.app.Hub().Len(), leaving+many)
		}
		begun := time.Now()
		for i, c := range all {
			switch i % 3 {
			case 0:
				c.reset()
			case 1:
				c.Close()
			default:
				c.put(closeFrame(1001, ""))
				c.Close()
			}
		}
		for i, c := range all {
			if want := error(nil); i%3 != 2 {
				c.closedWith(errLost)
			} else {
				c.closedWith(want)
			}
		}
		took = time.Since(begun)
	})
	if took > late {
		t.Errorf("%d connections were cleaned up in %v, want at most %v", leaving, took, late)
	}
	if room := s.app.Hub().At(attacked).Room("busy"); !eventually(late, func() bool { return room.Len() == 0 }) {
		t.Errorf("%d are left in the room", room.Len())
	}
}

// Row 66: very many come back at once, to a server that has place for some of them at a time.
func reconnectStorm(t *testing.T) {
	const storm, places, workers = 300, 30, 60
	s := start(t, setup{options: wsgate.Options{Limits: wsgate.Limits{Connections: many + places}}})
	var served, refused atomic.Int64
	t.Run("all", func(t *testing.T) {
		begun := time.Now()
		left := make(chan int, storm)
		for i := range storm {
			left <- i
		}
		close(left)
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range left {
					if !s.visit(t, &refused, begun) {
						return
					}
					served.Add(1)
				}
			})
		}
		wg.Wait()
		t.Logf("%d served in %v, %d refused", served.Load(), time.Since(begun).Round(time.Millisecond), refused.Load())
	})
	if served.Load() != storm {
		t.Errorf("%d of %d were served", served.Load(), storm)
	}
}

// visit tries again and again to connect, makes one round trip and leaves.
func (s *server) visit(t *testing.T, refused *atomic.Int64, begun time.Time) bool {
	backoff := time.NewTicker(5 * time.Millisecond)
	defer backoff.Stop()
	for time.Since(begun) < patience {
		ok, err := func() (bool, error) {
			c := s.dial(t)
			defer c.Close()
			c.put(s.upgrade(c.target()))
			if resp := c.response(); resp.StatusCode != 101 {
				refused.Add(1)
				return false, nil
			}
			c.put(masked(text, hello), closeFrame(1000, ""))
			c.SetReadDeadline(time.Now().Add(late))
			if f, err := wire.ReadFrame(c.in); err != nil || !bytes.Equal(f.Payload, hello) {
				return false, fmt.Errorf("got %v, %w", f, err)
			}
			_, err := wire.ReadFrame(c.in)
			return err == nil, err
		}()
		if err != nil {
			t.Error(err)
		}
		if ok {
			return true
		}
		<-backoff.C
	}
	return false
}
