package clustertest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A flood is what is said without a pause in some places, beside which a line is said now and then in others.
const (
	floodTopics  = 8
	floodSize    = 4096             // bytes of a message
	floodRate    = 10               // messages a millisecond for each topic, if there is a processor for that
	floodReceive = time.Millisecond // that receiving one takes
	quietTopics  = 20
	quietEvery   = time.Millisecond
)

// quietLines is how many are said beside a flood.
func quietLines() int {
	if *floodFlag > 0 {
		return *floodFlag
	}
	return 500
}

// heardLines are the lines that have arrived.
type heardLines struct {
	mu        sync.Mutex      // guards following
	after     []time.Duration // they were said
	last      map[string]int  // number, by topic
	unordered int
}

func (h *heardLines) add(topic string, number int, said time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.after = append(h.after, time.Since(said))
	if h.last == nil {
		h.last = map[string]int{}
	}
	if last, ok := h.last[topic]; ok && number <= last {
		h.unordered++
	}
	h.last[topic] = number
}

func (h *heardLines) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.after)
}

// check waits for all lines, and fails the test if one is lost or out of order. How long they took is for the log: it
// depends on the machine.
func (h *heardLines) check(t *testing.T, want int) {
	t.Helper()
	waitUntil(t, fmt.Sprint(want, " lines"), func() bool { return h.count() == want })
	h.mu.Lock()
	defer h.mu.Unlock()
	slices.Sort(h.after)
	t.Logf("%d lines, none lost: p50 %v, p99 %v, longest %v", want, h.after[want/2], h.after[want*99/100], h.after[want-1])
	if h.unordered > 0 {
		t.Errorf("%d lines came out of order", h.unordered)
	}
}

// waitUntil fails the test if something does not come to be so.
func waitUntil(t *testing.T, what string, is func() bool) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for !is() {
		select {
		case <-again.C:
		case <-late.C:
			t.Fatalf("got no end of waiting for %v, want %s", patience, what)
		}
	}
}

// TestFloodedTopics has more published to some topics than is received. What is published to others is not lost, and does
// not wait for the flood; of the flood everything is received, refused or counted.
func TestFloodedTopics(t *testing.T) {
	overServers(t, func(t *testing.T, s *server) {
		from, to := connected(t, s), connected(t, s)
		var heard heardLines
		for i := range quietTopics {
			topic := fmt.Sprint("quiet.", i)
			hear(t, to, topic, func(m []byte) {
				heard.add(topic, int(binary.BigEndian.Uint64(m[8:])), time.Unix(0, int64(binary.BigEndian.Uint64(m))))
			})
		}
		f := flood{done: make(chan struct{})}
		for i := range floodTopics {
			topic := fmt.Sprint("flood.", i)
			hear(t, to, topic, func([]byte) {
				<-time.After(floodReceive)
				f.received.Add(1)
			})
			f.publishing.Go(func() { f.publish(from, topic) })
		}
		waitUntil(t, "the queues to be full", func() bool { return from.Dropped()+to.Dropped() > 0 })
		pace := time.NewTicker(quietEvery)
		defer pace.Stop()
		for n := range quietLines() {
			<-pace.C
			m := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
			if err := from.Publish(fmt.Sprint("quiet.", n%quietTopics), binary.BigEndian.AppendUint64(m, uint64(n))); err != nil {
				t.Fatalf("line %d: %v", n, err)
			}
		}
		close(f.done)
		f.publishing.Wait()
		heard.check(t, quietLines())
		waitUntil(t, "every message of the flood to be received or counted", func() bool {
			return f.received.Load()+from.Dropped()+to.Dropped() == f.taken.Load()
		})
		t.Logf("the flood: %d messages taken, %d refused, %d received, %d lost by the sender and %d by the receiver",
			f.taken.Load(), f.refused.Load(), f.received.Load(), from.Dropped(), to.Dropped())
	})
}

// connected returns a broker that has reached the engine.
func connected(t *testing.T, s *server) broker {
	t.Helper()
	b := s.connect(t)
	up := make(chan struct{})
	there := sync.OnceFunc(func() { close(up) })
	t.Cleanup(b.Watch(func(err error) {
		if err == nil {
			there()
		}
	}))
	<-up
	return b
}

func hear(t *testing.T, b broker, topic string, receive func([]byte)) {
	t.Helper()
	unsubscribe, err := b.Subscribe(t.Context(), topic, receive)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unsubscribe)
}

type flood struct {
	done                     chan struct{}
	publishing               sync.WaitGroup
	taken, refused, received atomic.Uint64
}

func (f *flood) publish(b broker, topic string) {
	message := make([]byte, floodSize)
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for {
		select {
		case <-f.done:
			return
		case <-pace.C:
		}
		for range floodRate {
			if err := b.Publish(topic, message); err != nil {
				f.refused.Add(1)
			} else {
				f.taken.Add(1)
			}
		}
	}
}
