package transport

import (
	"time"

	"github.com/wsgate/wsgate/internal/frame"
)

// wait bounds a wait for the peer: until its socket takes more, or until it has answered a close frame.
//
// A kernel gives room for more in lumps, which may be large, so a peer that reads steadily can leave a full socket full
// for long. Therefore the time for a write is over only if the peer has not taken a whole write's bytes out of the
// kernel meanwhile, where the kernel can tell.
type wait struct {
	timer  *time.Timer
	until  time.Time
	looked bool  // at the socket, since the write began
	edge   int64 // of what the peer takes, when it was looked at last

	dropped []frame.Shared // by an eviction, and still counted by the engine's backlog
}

// bound has the connection killed after d, unless it is bound anew or the wait is stopped. The caller holds the lock.
func (c *Conn) bound(d time.Duration) {
	o := &c.out
	if o.dead {
		return
	}
	if o.wait == nil {
		o.wait = new(wait)
	}
	o.wait.until = time.Now().Add(d)
	if o.wait.timer == nil {
		o.wait.timer = time.AfterFunc(d, c.overdue)
	} else {
		o.wait.timer.Reset(d)
	}
}

func (w *wait) stop() {
	if w != nil {
		w.timer.Stop()
	}
}

// boundWrite begins the time for one write, unless closing has set the last bound. The caller holds the lock.
func (c *Conn) boundWrite() {
	if !c.out.closing {
		// Most writes do not wait at all. What the peer has taken is looked at for those only that do.
		c.bound(c.limits.Write / lookAfter)
		c.out.wait.looked = false
	}
}

// lookAfter is the part of the time for a write after which it is looked at for the first time.
const lookAfter = 10

// overdue is called when a bound was reached.
func (c *Conn) overdue() {
	o := &c.out
	o.mu.Lock()
	if o.dead || time.Now().Before(o.wait.until) || !o.closing && !o.writing {
		o.mu.Unlock()
		return
	}
	if o.closing {
		cause := o.cause
		o.mu.Unlock()
		c.kill(cause)
		return
	}
	w := o.wait
	d, _ := c.delivery()
	if w.looked && d.edge-w.edge < maxBatch {
		o.mu.Unlock()
		c.kill(ErrSlowClient)
		return
	}
	rest := c.limits.Write
	if !w.looked {
		rest -= c.limits.Write / lookAfter
	}
	w.edge, w.looked = d.edge, true
	c.bound(rest)
	o.mu.Unlock()
}
