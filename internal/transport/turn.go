package transport

import (
	"io"
	"sync/atomic"
	"time"
)

// turn is the time in which the messages that arrived together are handled: from handing out the first until the
// reader waits for the network again. What is sent to the connection meanwhile goes out
//
//   - at once, if it is the first and no further message waits: a reply has nobody to wait for;
//   - together when the turn ends otherwise, so that answers to pipelined messages cost one write;
//   - after lateAfter at the latest, since a handler may take its time.
//
// A turn that is late also watches the socket, as the reader does not: a handler's context has to end with its
// connection.
type turn struct {
	state  atomic.Int32
	active atomic.Bool
	timer  *time.Timer
	armed  bool          // the reader's: the timer may fire
	done   chan struct{} // capacity 1: the late part ended
}

const (
	turnOff    = iota // sends are scheduled
	turnDirect        // the next send is written at once
	turnHeld          // sends wait for the end of the turn
)

const lateAfter = time.Millisecond

// begin is called by the reader when it hands out a message.
func (t *turn) begin(c *Conn) {
	if c.buffered() {
		t.state.Store(turnHeld)
	} else {
		t.state.Store(turnDirect)
	}
	if t.armed {
		return
	}
	t.armed = true
	t.active.Store(true)
	if t.timer == nil {
		t.done = make(chan struct{}, 1)
		t.timer = time.AfterFunc(lateAfter, func() { t.late(c) })
		return
	}
	t.timer.Reset(lateAfter)
}

// holds reports whether this turn sees to the flush of what was just queued.
func (t *turn) holds(c *Conn) bool {
	switch t.state.Load() {
	case turnDirect:
		if t.state.CompareAndSwap(turnDirect, turnHeld) {
			c.flushAll()
		}
		return true
	case turnHeld:
		return true
	}
	return false
}

// holding reports whether the end of a turn is still to come, and with it a flush.
func (t *turn) holding() bool { return t.state.Load() != turnOff }

// end is called by the reader before it waits for the network, and at the end.
func (t *turn) end(c *Conn) {
	if !t.armed {
		return
	}
	t.state.Store(turnOff)
	t.active.Store(false)
	t.armed = false
	if !t.timer.Stop() {
		c.interruptRead()
		<-t.done
		c.resumeRead()
	}
	c.flushAll()
	c.engine.kick()
	c.beat.heard(c.engine)
}

// late runs on the timer's goroutine, which end waits for.
func (t *turn) late(c *Conn) {
	t.state.Store(turnOff)
	c.flushAll()
	c.engine.kick()
	for t.active.Load() && c.readAhead() {
	}
	t.done <- struct{}{}
}

// readAhead waits for input on behalf of the reader while that one is busy, and keeps it. It ends the connection's
// context when the peer is gone or closing. It reports whether to go on.
func (c *Conn) readAhead() bool {
	in := &c.in
	if in.err != nil {
		return false
	}
	if in.buf == nil {
		in.buf = inputPool.Get().(*[inputSize]byte)
		in.r, in.w = 0, 0
	}
	defer func() {
		if in.r == in.w {
			in.release()
		}
	}()
	if in.w == len(in.buf) {
		return false // backpressure: the peer's further input, and its end, wait for the handler
	}
	n, err := c.raw.Read(in.buf[in.w:])
	in.w += in.check(in.buf[in.w : in.w+n])
	if err != nil && c.turn.active.Load() {
		in.err = err
	}
	switch {
	case in.err != nil && in.err != io.EOF:
		c.cancel(lost(in.err))
	case in.err != nil:
		c.cancel(lost(io.EOF))
	case in.meter.closed:
		c.cancel(ErrClosed)
	}
	return in.err == nil && err == nil && !in.meter.closed
}
