package transport

import (
	"runtime"
	"slices"
	"time"
)

// maxYield and maxYields bound the time that a sender gives to writes of which nobody knows whether they wait for their
// peers.
const (
	maxYield  = time.Millisecond
	maxYields = 1000
)

// relieve is called by a sender with the connections whose queues hold more than they may although nobody has found
// their sockets full: the sender outran the flush. It writes a batch for each of them, or lets those who write go on,
// and then evicts the clients that do not read. It returns their number. A client that only was not written to fast
// enough keeps what it has, up to twice its limits.
//
// The caller holds no lock. It waits for no peer, and for writers once, however many connections there are.
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

// written is how much was written to a connection.
type written struct {
	conn  *Conn
	bytes int64
}

func (c *Conn) bytesSent() int64 {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.sent
}

// over reports whether the queue holds more than it may, and stuck whether its client is to blame. The caller holds the
// lock.
func (c *Conn) over() bool {
	return len(c.out.frames) > c.limits.QueueMessages || c.out.bytes > c.limits.QueueBytes
}

func (c *Conn) stuck() bool { return c.out.blocked && c.over() }

// giveUp evicts the client if that is still right, which is asked with the lock held.
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
