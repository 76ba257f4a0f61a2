package transport

import (
	"time"

	"github.com/wsgate/wsgate/internal/frame"
)

// wait bounds a wait for the peer: until the socket accepts more, or until the peer has answered a close frame. It also has
// the waits of others for frames to be written.
//
// A kernel frees buffer space in large steps, so a full socket may stay full for long even if the peer reads steadily.
// So a write times out only if the peer has read less than one batch meanwhile, where the kernel reports that.
type wait struct {
	timer  *time.Timer // made on first use
	until  time.Time   // zero when it is over
	looked bool        // delivery was sampled since the write began
	edge   int64       // delivery.edge when last sampled

	dropped []frame.Shared // by an eviction, and still counted in the backlog
	flushes []*flush       // waits for written frames, ordered by upTo
}

// waits returns o.wait. The caller holds the lock.
func (o *outbox) waits() *wait {
	if o.wait == nil {
		o.wait = new(wait)
	}
	return o.wait
}

// bound kills the connection after d, unless bound is called again or the wait is stopped. The caller holds the lock.
func (c *Conn) bound(d time.Duration) {
	o := &c.out
	if o.dead {
		return
	}
	w := o.waits()
	w.until = time.Now().Add(d)
	if w.timer == nil {
		w.timer = time.AfterFunc(d, c.overdue)
	} else {
		w.timer.Reset(d)
	}
}

// stop ends the wait. The caller holds the lock.
func (w *wait) stop() {
	if w != nil && w.timer != nil {
		w.timer.Stop()
		w.until = time.Time{}
	}
}

// boundWrite starts the time limit for one write, unless closing has set the final one. The caller holds the lock.
func (c *Conn) boundWrite() {
	if !c.out.closing {
		// Most writes do not wait. Sample delivery only for those that do.
		c.bound(c.limits.Write / lookAfter)
		c.out.wait.looked = false
	}
}

// lookAfter is the divisor of Limits.Write that gives the time of the first sample.
const lookAfter = 10

// overdue is called when the time limit is reached.
func (c *Conn) overdue() {
	o := &c.out
	o.mu.Lock()
	if o.dead || o.wait.until.IsZero() || time.Now().Before(o.wait.until) {
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
