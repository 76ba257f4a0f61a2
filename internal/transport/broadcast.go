package transport

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/wsgate/wsgate/internal/frame"
)

// Broadcast sends one message to many connections.
type Broadcast struct {
	engine  *Engine
	counts  *shard // where it is counted
	shard   int    // the same in every route; a pooled Broadcast tends to stay with one processor
	message *frame.Message
	from    *Conn
	woken   []*Conn
	over    []*Conn
	queued  uint64
	err     error
}

var (
	broadcastPool = sync.Pool{New: func() any { return &Broadcast{shard: int(nextShard.Add(1) % shards)} }}
	nextShard     atomic.Uint32
)

// Broadcast starts a broadcast of m. If from is not nil, its handler is the sender, and the flush may wait for the end
// of from's read cycle, so that broadcasts caused by messages that arrived together share writes. k counts it.
func (e *Engine) Broadcast(m *frame.Message, from *Conn, k *Counters) *Broadcast {
	b := broadcastPool.Get().(*Broadcast)
	b.engine, b.message, b.from, b.counts = e, m, from, &k.shards[b.shard]
	return b
}

// To queues the message for c. A receiver that is closing or too slow does not fail the broadcast. To does not block:
// the caller may hold the lock of the set that contains c.
func (b *Broadcast) To(c *Conn) {
	wake, over, err := c.push(b.message.Shared(c.out.deflate))
	if wake {
		b.woken = append(b.woken, c)
	}
	if over {
		b.over = append(b.over, c)
	}
	switch {
	case err == nil:
		b.queued++
	case errors.Is(err, ErrLimit):
		b.err = err
	}
}

// End schedules the flush. It returns ErrLimit if the message was too large for a receiver's queue. The caller holds no
// lock.
func (b *Broadcast) End() error {
	err := b.err
	b.counts.broadcasts.Add(1)
	b.counts.deliveries.Add(b.queued)
	if len(b.woken) > 0 {
		e := b.engine
		e.mu.Lock()
		e.line = append(e.line, b.woken...)
		if b.from == nil || !b.from.cycle.holding() {
			e.start()
		} else {
			e.left.Store(true)
		}
		e.mu.Unlock()
		// If the read cycle ended before the line grew, no one else starts a flusher.
		if b.from != nil && !b.from.cycle.holding() {
			e.kick()
		}
	}
	if len(b.over) > 0 {
		relieve(b.over)
	}
	clear(b.woken)
	clear(b.over)
	b.woken, b.over, b.message, b.from, b.counts, b.queued, b.err = b.woken[:0], b.over[:0], nil, nil, nil, 0, nil
	broadcastPool.Put(b)
	return err
}
