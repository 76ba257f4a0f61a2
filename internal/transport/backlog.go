package transport

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/wsgate/wsgate/internal/frame"
)

// backlog accounts for the memory held by the queues of all slow clients. A frame shared by several queues counts once;
// a queue slot counts in each. The queues of clients that keep up do not count, as they are about to be empty.
type backlog struct {
	limit    int64
	held     atomic.Int64
	shedding atomic.Bool // a flusher will disconnect slow clients

	mu     sync.Mutex // guards following
	behind map[*Conn]struct{}
}

const entrySize = int64(unsafe.Sizeof(frame.Shared{}))

func (b *backlog) hold(f frame.Shared) {
	n := entrySize
	if f.Held == nil || f.Held.Add(1) == 1 {
		n += int64(len(f.Frame))
	}
	b.held.Add(n)
}

func (b *backlog) letGo(frames []frame.Shared) {
	if len(frames) == 0 {
		return
	}
	var n int64
	for _, f := range frames {
		n += entrySize
		if f.Held == nil || f.Held.Add(-1) == 0 {
			n += int64(len(f.Frame))
		}
	}
	b.held.Add(-n)
}

// full reports whether nothing more may be queued for slow clients.
func (b *backlog) full() bool { return b.held.Load() >= b.limit }

// crowded reports whether paced senders should wait and leave the remaining space to senders that cannot wait.
func (b *backlog) crowded() bool { return b.held.Load() > b.limit/2 }

// high reports whether slow clients must be disconnected to keep the backlog from filling up.
func (b *backlog) high() bool { return b.held.Load() > b.limit-b.limit/8 }

// low reports whether enough of them have been disconnected.
func (b *backlog) low() bool { return b.held.Load() <= b.limit-b.limit/4 }

// ErrBacklog is ErrSlowClient for a client that was closed because of all slow clients together.
var ErrBacklog = fmt.Errorf("%w, and all queues together exceed Limits.TotalQueueBytes", ErrSlowClient)

// slowest returns the connections that are behind, those with the longest queues first.
func (b *backlog) slowest() []*Conn {
	b.mu.Lock()
	conns := make([]*Conn, 0, len(b.behind))
	for c := range b.behind {
		conns = append(conns, c)
	}
	b.mu.Unlock()
	type candidate struct {
		conn *Conn
		size int
	}
	candidates := make([]candidate, len(conns))
	for i, c := range conns {
		candidates[i] = candidate{c, c.size()}
	}
	slices.SortFunc(candidates, func(x, y candidate) int { return cmp.Compare(y.size, x.size) })
	for i := range conns {
		conns[i] = candidates[i].conn
	}
	return conns
}

// size returns the memory that the connection's queue holds.
func (c *Conn) size() int {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.weight()
}

// weight returns the size of the queued frames and of the queue itself. The caller holds the lock.
func (c *Conn) weight() int { return c.out.bytes + int(entrySize)*len(c.out.frames) }

// behind reports whether the client is slow: its socket was full, or, where that is unknown, more is queued than one
// write takes. The caller holds the lock.
func (c *Conn) behind() bool {
	if c.sys == nil {
		return c.weight() > inputSize
	}
	return c.out.blocked || c.weight() > 4*maxBatch
}

// charge counts the queue in the backlog until the queue is empty. The caller holds the lock.
func (c *Conn) charge() {
	o, b := &c.out, &c.engine.backlog
	if o.charged {
		return
	}
	o.charged = true
	for _, f := range o.frames {
		b.hold(f)
	}
	b.mu.Lock()
	if b.behind == nil {
		b.behind = make(map[*Conn]struct{})
	}
	b.behind[c] = struct{}{}
	b.mu.Unlock()
	c.engine.checkBacklog()
}

// uncharge undoes charge. The caller holds the lock.
func (c *Conn) uncharge() {
	b := &c.engine.backlog
	c.out.charged = false
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.behind, c)
}

// shed disconnects the slowest clients until the backlog is low.
func (e *Engine) shed() {
	defer e.backlog.shedding.Store(false)
	for _, c := range e.backlog.slowest() {
		if e.backlog.low() {
			return
		}
		if c.giveUp(func() bool { return c.out.charged }, ErrBacklog) {
			c.tell()
		}
	}
}
