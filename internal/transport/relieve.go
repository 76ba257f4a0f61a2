package transport

import (
	"runtime"
	"slices"
	"time"
)

// maxYield and maxYields bound how long a sender waits for the progress of writes that may be blocked by their peers.
const (
	maxYield  = time.Millisecond
	maxYields = 1000
)

// relieve is called by a sender with the connections whose queues exceed their limits although their sockets were not
// found full: the sender outran the flush. It writes a batch for each, or yields to its writer, and then evicts the
// clients that do not read. It returns how many it evicted. A client that was merely not written to fast enough keeps
// its queue, up to twice the limits.
//
// The caller holds no lock. relieve waits for no peer, and yields to all writers together, however many there are.
func relieve(over []*Conn) (evicted int) {
	var unsure []written
	for _, c := range over {
		if c.flush() {
			c.engine.schedule(c)
		}
		if c.sys == nil {
			unsure = append(unsure, written{c, c.bytesSent()})
		} else if c.giveUp(c.stuck, ErrSlowClient) {
			evicted++
		}
	}
	begun := time.Now()
	for yields := 1; len(unsure) > 0; yields++ {
		runtime.Gosched()
		last := yields == maxYields || time.Since(begun) > maxYield
		unsure = slices.DeleteFunc(unsure, func(w written) bool {
			moves, known := w.conn.moves()
			if !known {
				moves = w.conn.bytesSent() > w.bytes
			}
			if !moves && (known || last) && w.conn.giveUp(w.conn.over, ErrSlowClient) {
				evicted++
			}
			return moves || known || last
		})
	}
	return evicted
}

// written is the number of bytes written to a connection.
type written struct {
	conn  *Conn
	bytes int64
}

func (c *Conn) bytesSent() int64 {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.sent
}

// over reports whether the queue exceeds its limits, and stuck whether that is because the client does not read. The
// caller holds the lock.
func (c *Conn) over() bool {
	return len(c.out.frames) > c.limits.QueueMessages || c.out.bytes > c.limits.QueueBytes
}

func (c *Conn) stuck() bool { return c.out.blocked && c.over() }

// giveUp evicts the client if right, called with the lock held, reports true.
func (c *Conn) giveUp(right func() bool, cause error) (evicted bool) {
	o := &c.out
	o.mu.Lock()
	wake := false
	if evicted = !o.closing && !o.dead && right(); evicted {
		c.evict(cause)
		wake = c.wake()
	}
	o.mu.Unlock()
	if wake {
		c.engine.schedule(c)
	}
	return evicted
}
