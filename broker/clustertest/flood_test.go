package clustertest

import (
	"encoding/binary"
	"flag"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var floodLines = flag.Int("flood", 500, "how many lines TestFlood says in quiet rooms beside the flood, one a millisecond")

// flood is what a node publishes without a pause to some topics, and another one takes its time to receive.
type flood struct {
	accepted, refused, received atomic.Uint64
}

const (
	floodTopics  = 8
	floodSize    = 4096             // bytes of a message
	floodRate    = 10               // messages a millisecond for each topic, if there is a processor for that
	floodReceive = time.Millisecond // that receiving one takes
)

func (f *flood) topics() (topics []string) {
	for i := range floodTopics {
		topics = append(topics, fmt.Sprint("flood.", i))
	}
	return topics
}

// begin returns how to end it.
func (f *flood) begin(t *testing.T, from, to broker) (end func()) {
	t.Helper()
	for _, topic := range f.topics() {
		unsubscribe, err := to.Subscribe(t.Context(), topic, func([]byte) {
			<-time.After(floodReceive)
			f.received.Add(1)
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(unsubscribe)
	}
	done := make(chan struct{})
	var publishing sync.WaitGroup
	for _, topic := range f.topics() {
		message := make([]byte, floodSize)
		publishing.Go(func() {
			pace := time.NewTicker(time.Millisecond)
			defer pace.Stop()
			for {
				select {
				case <-done:
					return
				case <-pace.C:
				}
				for range floodRate {
					if err := from.Publish(topic, message); err != nil {
						f.refused.Add(1)
					} else {
						f.accepted.Add(1)
					}
				}
			}
		})
	}
	return func() {
		close(done)
		publishing.Wait()
	}
}

// quiet are topics to which a line is said now and then.
type quietRooms struct {
	mu    sync.Mutex // guards following
	times []time.Duration
	order []string // what came out of order
}

func TestFlood(t *testing.T) {
	for _, e := range engines {
		if e.scheme == "" {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			const rooms = 20
			s := e.start(t)
			from, to := s.connect(t), s.connect(t)
			for _, b := range []broker{from, to} {
				up := make(chan struct{}, 1000)
				t.Cleanup(b.Watch(func(err error) {
					if err == nil {
						up <- struct{}{}
					}
				}))
				<-up
			}
			q := &quietRooms{}
			for i := range rooms {
				topic, last := fmt.Sprint("quiet.", i), uint64(0)
				unsubscribe, err := to.Subscribe(t.Context(), topic, func(m []byte) {
					q.mu.Lock()
					defer q.mu.Unlock()
					sent := time.Unix(0, int64(binary.BigEndian.Uint64(m)))
					q.times = append(q.times, time.Since(sent))
					if n := binary.BigEndian.Uint64(m[8:]); n <= last {
						q.order = append(q.order, topic)
					} else {
						last = n
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(unsubscribe)
			}
			f := &flood{}
			end := f.begin(t, from, to)
			pace := time.NewTicker(time.Millisecond)
			defer pace.Stop()
			warm := time.NewTimer(time.Second)
			<-warm.C
			refused := 0
			for n := range *floodLines {
				<-pace.C
				m := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
				m = binary.BigEndian.AppendUint64(m, uint64(n+1))
				if err := from.Publish(fmt.Sprint("quiet.", n%rooms), m); err != nil {
					refused++
				}
			}
			end()
			late := time.Now().Add(patience / 3)
			count := func() int {
				q.mu.Lock()
				defer q.mu.Unlock()
				return len(q.times)
			}
			for count() < *floodLines-refused && time.Now().Before(late) {
				<-pace.C
			}
			q.mu.Lock()
			defer q.mu.Unlock()
			slices.Sort(q.times)
			arrived := len(q.times)
			t.Logf("%d lines: %d refused, %d vanished; p50 %v, p99 %v, longest %v", *floodLines, refused, *floodLines-refused-arrived,
				q.times[arrived/2], q.times[arrived*99/100], q.times[arrived-1])
			t.Logf("the flood: %d accepted, %d refused, %d received, %d dropped by the sender's broker and %d by the receiver's",
				f.accepted.Load(), f.refused.Load(), f.received.Load(), from.Dropped(), to.Dropped())
			if lost := *floodLines - arrived; lost > 0 || len(q.order) > 0 {
				t.Errorf("%d of %d lines are lost, %d came out of order", lost, *floodLines, len(q.order))
			}
		})
	}
}
