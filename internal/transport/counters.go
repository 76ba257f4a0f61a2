package transport

import (
	"sync"
	"sync/atomic"

	"github.com/wsgate/wsgate/internal/frame"
)

// Counts are what connections have sent and received.
type Counts struct {
	Received, ReceivedBytes uint64 // messages, and bytes on the wire, up to the last time that the reader waited
	Sent, SentBytes         uint64 // messages, and bytes on the wire
	Writes                  uint64 // calls that wrote something
	Waiting                 uint64 // bytes that are queued now
}

func (k *Counts) add(o Counts) {
	k.Received += o.Received
	k.ReceivedBytes += o.ReceivedBytes
	k.Sent += o.Sent
	k.SentBytes += o.SentBytes
	k.Writes += o.Writes
	k.Waiting += o.Waiting
}

// Counters are the counts of a route. Every connection counts for itself, what arrives once for all messages that were
// read together, and the connections are added up when somebody asks. So no two processors write to the same counter.
type Counters struct {
	shards [shards]shard

	mu    sync.Mutex // guards following, and is held while a connection's counts move there
	ended Counts     // of the connections that have ended
}

// shards is a number of counters that many processors can use at a time. Two never share a cache line.
const shards = 32

// shard counts what belongs to no connection.
type shard struct {
	broadcasts, deliveries atomic.Uint64
	_                      [112]byte
}

// Sum returns the counts of the connections that have ended and of those that conns returns. A connection must not be
// missing there before its End has returned.
func (k *Counters) Sum(conns func() []*Conn) Counts {
	k.mu.Lock()
	defer k.mu.Unlock()
	sum := k.ended
	for _, c := range conns() {
		sum.add(c.counts())
	}
	return sum
}

// Broadcasts returns the number of broadcasts, and of the connections for which they have queued a message.
func (k *Counters) Broadcasts() (broadcasts, deliveries uint64) {
	for i := range k.shards {
		broadcasts += k.shards[i].broadcasts.Load()
		deliveries += k.shards[i].deliveries.Load()
	}
	return broadcasts, deliveries
}

// end moves the counts of a connection that has ended.
func (k *Counters) end(c *Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended.add(c.counts())
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.counters = nil
}

// counts returns the connection's own counts, none once they have moved.
func (c *Conn) counts() Counts {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.counters == nil {
		return Counts{}
	}
	return Counts{
		Received: c.received.messages.Load(), ReceivedBytes: c.received.bytes.Load(),
		Sent: o.delivered, SentBytes: uint64(o.sent), Writes: o.writes, Waiting: uint64(o.bytes),
	}
}

// received is what a connection has received. Only the reader adds to it.
type received struct{ messages, bytes atomic.Uint64 }

// countReceived counts what has arrived since the last call. The reader calls it before it waits, and at the end.
func (c *Conn) countReceived() {
	in := c.in
	if in.arrived == 0 {
		return
	}
	c.received.bytes.Add(uint64(in.arrived))
	c.received.messages.Add(uint64(in.messages))
	in.arrived, in.messages = 0, 0
}

// countWritten counts frames that are written. The caller holds the lock.
func (o *outbox) countWritten(frames []frame.Shared) {
	for _, f := range frames {
		if f.Frame[0]&opcodeMask < opClose {
			o.delivered++
		}
	}
}
