package transport

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/timerwheel"
)

// heartbeat is a connection's state on the heartbeat wheel.
type heartbeat struct {
	entry   timerwheel.Entry
	heardAt atomic.Int64 // wheel time of the last inbound byte
	asked   int64        // wheel time when the outstanding ping was queued; 0 if there is none

	// About the last ping written; guarded by the outbox's lock.
	writtenAt int64 // wheel time when it was written
	mark      int64 // stream offset at the end of the ping
	edge      int64 // the peer's right window edge when last sampled
	window    int32 // the largest window sampled
	behind    bool  // the peer was then still reading data sent before the ping
}

// heard records that the peer is alive.
func (b *heartbeat) heard(e *Engine) { b.heardAt.Store(e.wheel.Now()) }

// startHeartbeat puts the connection on the wheel. The first interval is spread by 10 % either way, which spreads all that follow.
func (c *Conn) startHeartbeat() {
	c.heartbeat.heard(c.engine)
	spread := 0.9 + 0.2*rand.Float64()
	c.engine.wheel.Add(&c.heartbeat.entry, (*beater)(c), time.Duration(spread*float64(c.limits.Ping)))
}

// beater implements the wheel's interface on Conn.
type beater Conn

// Beat pings an idle peer and closes the connection if the peer stays silent. While a handler runs, no input is read,
// so the peer is pinged but not timed out: a peer that is gone answers a ping with a reset.
//
// A ping waits in the queue like any frame, so the time to answer starts when it is written.
func (b *beater) Beat(silent func(since int64) time.Duration) time.Duration {
	c := (*Conn)(b)
	heard := c.heartbeat.heardAt.Load()
	quiet := silent(heard)
	if heard >= c.heartbeat.asked { // >=, as a ping is sent only after silence: input in the same tick came later
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

// ping queues a ping, unless one is queued already. It reports false if the queue is full.
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

// wrotePing records that the ping was written. The caller holds the outbox's lock.
func (c *Conn) wrotePing() {
	b := &c.heartbeat
	c.out.ping = 0
	b.writtenAt = c.engine.wheel.Now()
	d, _ := c.delivery()
	b.mark, b.edge, b.window, b.behind = d.end, d.edge, max(b.window, d.window, fullWindow), false
}

// writesPing records that the ping is about to be written. Where delivery is unknown, the time to answer starts here:
// the connection may be an unbuffered pipe, where the write never returns if the peer does not read. The caller holds
// the outbox's lock.
func (c *Conn) writesPing() {
	if _, known := c.delivery(); !known {
		c.wrotePing()
	}
}

// patience returns how much longer a pinged peer may stay silent. The peer may have to read data buffered by both
// kernels before it reaches the ping. While it reads that, and once more when it has, the time restarts, as the peer is
// slow but alive. A peer that has read the ping and does not answer is timed out.
func (c *Conn) patience(silent func(since int64) time.Duration) time.Duration {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	b := &c.heartbeat
	if c.out.ping != 0 {
		return c.limits.Pong // still queued; Limits.Write bounds that
	}
	if rest := c.limits.Pong - silent(b.writtenAt); rest > 0 {
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
