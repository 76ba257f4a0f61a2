package brokertest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// counter is a broker that counts lost messages.
type counter interface{ Dropped() uint64 }

// testFlood publishes to some topics faster than their slow receive functions return. Messages to other topics must not
// wait until the flood is received, and losses must be counted.
func testFlood(t *testing.T, c Config) {
	const floods, flood, quiet = 8, 2000, 4
	nodes := c.nodes(t, 2)
	var received atomic.Int64
	for i := range floods {
		receive(t, nodes[0], fmt.Sprint("flood.", i), func([]byte) {
			<-time.After(time.Millisecond)
			received.Add(1)
		})
	}
	arrived := newRecord[int64]() // how much of the flood had been received by then
	for i := range quiet {
		receive(t, nodes[0], fmt.Sprint("quiet.", i), func([]byte) { arrived.add(received.Load()) })
	}
	taken := int64(0)
	message := make([]byte, 1000)
	for i := range flood {
		if nodes[1].Publish(fmt.Sprint("flood.", i%floods), message) == nil {
			taken++
		}
	}
	before := received.Load()
	for i := range quiet {
		publish(t, nodes[1], fmt.Sprint("quiet.", i), "a line")
	}
	behind := arrived.wait(t, "a message of each of the other topics", func(items []int64) bool { return len(items) == quiet })
	for _, n := range behind {
		if n > before+(taken-before)/2 {
			t.Errorf("when a message to another topic arrived, %d of %d messages that wait were received before, want the topics to take turns", n-before, taken-before)
			break
		}
	}
	awaitCounted(t, nodes[0], nodes[1], taken, &received)
}

// awaitCounted waits until every message that Publish accepted was received or counted as lost.
func awaitCounted(t *testing.T, to, from any, taken int64, received *atomic.Int64) {
	t.Helper()
	dropped := func() (n int64) {
		for _, b := range []any{to, from} {
			if b, ok := b.(counter); ok {
				n += int64(b.Dropped())
			}
		}
		return n
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for received.Load()+dropped() != taken {
		select {
		case <-again.C:
		case <-late.C:
			t.Fatalf("got %d messages of the flood, and %d that Dropped() uint64 says are lost, want %d together", received.Load(), dropped(), taken)
		}
	}
}
