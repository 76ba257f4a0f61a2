package transport

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/heartbeat"
)

// beat is a connection's place on the heartbeat wheel.
type beat struct {
	entry   heartbeat.Entry
	heardAt atomic.Int64 // the wheel's time of the last inbound byte
	pinged  int64        // the wheel's: when the ping that is out was sent; 0 if there is none
}

// heard notes that the peer is alive.
func (b *beat) heard(e *Engine) { b.heardAt.Store(e.wheel.Now()) }

// startBeat puts the connection on the wheel. The first interval is spread by 10 % either way, which spreads all that follow.
func (c *Conn) startBeat() {
	c.beat.heard(c.engine)
	spread := 0.9 + 0.2*rand.Float64()
	c.engine.wheel.Add(&c.beat.entry, (*beater)(c), time.Duration(spread*float64(c.limits.Ping)))
}

// beater is the Conn as the wheel sees it.
type beater Conn

// Beat pings a peer that was silent and ends a connection whose peer stays silent. While a handler runs nobody reads,
// so that the peer is still pinged, but not judged: a peer that is gone answers a ping with a reset.
func (b *beater) Beat(silent func(since int64) time.Duration) time.Duration {
	c := (*Conn)(b)
	heard := c.beat.heardAt.Load()
	quiet := silent(heard)
	if heard >= c.beat.pinged { // also one in the same tick: a ping is sent after silence only
		c.beat.pinged = 0
	}
	switch {
	case c.turn.handling():
		c.beat.pinged = 0
		c.send(frame.Ping)
		return c.limits.Ping
	case c.beat.pinged == 0 && quiet < c.limits.Ping*9/10:
		return c.limits.Ping - quiet
	case c.beat.pinged == 0:
		c.beat.pinged = c.engine.wheel.Now()
		c.send(frame.Ping)
		return c.limits.Pong
	}
	c.Abort(websocket.StatusTryAgainLater, "ping timeout", ErrPingTimeout)
	return 0
}
