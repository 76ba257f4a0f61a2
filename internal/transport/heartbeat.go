package transport

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/timerwheel"
)

// heartbeat is a connection's place on the heartbeat wheel.
type heartbeat struct {
	entry   timerwheel.Entry
	heardAt atomic.Int64 // the wheel's time of the last inbound byte
	asked   int64        // the wheel's: when the ping that is out was queued; 0 if there is none

	// Of the last ping that was written; guarded by the outbox's lock.
	left   int64 // the wheel's: when that was
	mark   int64 // up to where the peer has to take what was written, so that it has the ping
	edge   int64 // up to where it would take more when it was looked at last
	window int32 // the largest it has had
	behind bool  // what came before the ping was still being read then
}

// heard notes that the peer is alive.
func (b *heartbeat) heard(e *Engine) { b.heardAt.Store(e.wheel.Now()) }

// startHeartbeat puts the connection on the wheel. The first interval is spread by 10 % either way, which spreads all that follow.
func (c *Conn) startHeartbeat() {
	c.heartbeat.heard(c.engine)
	spread := 0.9 + 0.2*rand.Float64()
	c.engine.wheel.Add(&c.heartbeat.entry, (*beater)(c), time.Duration(spread*float64(c.limits.Ping)))
}

// beater is the Conn as the wheel sees it.
type beater Conn

// Beat pings a peer that was silent and ends a connection whose peer stays silent. While a handler runs nobody reads,
// so that the peer is still pinged, but not judged: a peer that is gone answers a ping with a reset.
//
// A ping waits for its turn like everything else, so the time for an answer runs from when it was written.
func (b *beater) Beat(silent func(since int64) time.Duration) time.Duration {
	c := (*Conn)(b)
	heard := c.heartbeat.heardAt.Load()
	quiet := silent(heard)
	if heard >= c.heartbeat.asked { // also one in the same tick: a ping is sent after silence only
		c.heartbeat.asked = 0
	}
	switch {
	case c.cycle.handling():
		c.heartbeat.asked = 0
		c.ping()
		return c.limits.Ping
	case c.heartbeat.asked == 0 && quiet < c.limits.Ping*9/10:
		return c.limits.Ping - quiet
	case c.heartbeat.asked == 0:
		if c.ping() {
			c.heartbeat.asked = c.engine.wheel.Now()
		}
		return c.limits.Pong
	}
	if rest := c.patience(silent); rest > 0 {
		return rest
	}
	c.Abort(websocket.StatusTryAgainLater, "ping timeout", ErrPingTimeout)
	return 0
}

// ping queues a ping, unless one waits already. It reports false if the queue is full: then the peer has enough to read.
func (c *Conn) ping() bool {
	o := &c.out
	o.mu.Lock()
	if len(o.frames) == 0 && cap(o.frames) > maxIdleQueue {
		o.frames = nil
	}
	waits, full := o.ping != 0, c.exceeds(len(frame.Ping), 1)
	wake := false
	if !waits && !full && !o.closing && !o.dead {
		c.put(frame.Shared{Frame: frame.Ping})
		o.ping = o.queued
		wake = c.wake()
	}
	o.mu.Unlock()
	if wake && !c.cycle.holds(c) {
		c.engine.schedule(c)
	}
	return waits || !full
}

// wrotePing notes that the ping was written. The caller holds the outbox's lock.
func (c *Conn) wrotePing() {
	b := &c.heartbeat
	c.out.ping = 0
	b.left = c.engine.wheel.Now()
	d, _ := c.delivery()
	b.mark, b.edge, b.window, b.behind = d.end, d.edge, max(b.window, d.window, fullWindow), false
}

// writesPing notes that the ping is about to be written. Where nobody can tell how far what was written has come, its time
// runs from here: what comes in between may be a pipe without a buffer, of which a silent peer never reads the ping. The
// caller holds the outbox's lock.
func (c *Conn) writesPing() {
	if _, known := c.delivery(); !known {
		c.wrotePing()
	}
}

// patience returns how much longer a peer may be silent that was pinged. What the kernels on both sides hold may have to
// be read before the ping: while the peer does that, and when it has done it, it gets its time anew, as it is slow and not
// dead. One that has the ping and reads on without an answer is.
func (c *Conn) patience(silent func(since int64) time.Duration) time.Duration {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	b := &c.heartbeat
	if c.out.ping != 0 {
		return c.limits.Pong // it still waits; for how long a peer may take nothing is bounded by Limits.Write
	}
	if rest := c.limits.Pong - silent(b.left); rest > 0 {
		return rest
	}
	d, known := c.delivery()
	reads := d.edge > b.edge
	behind := known && reads && (d.acked < b.mark || d.window < b.window/2)
	if !behind && !b.behind {
		return 0
	}
	b.edge, b.window, b.behind = d.edge, max(b.window, d.window), behind
	return c.limits.Pong
}
