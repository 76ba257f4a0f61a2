package transport

import (
	"errors"
	"os"
	"runtime"
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
// A handler that takes so long is also watched for: its context has to end with its connection, so the timer's
// goroutine reads ahead until the handler returns.
type turn struct {
	sends atomic.Int32 // what becomes of them: one of sendsScheduled and its neighbours
	owner atomic.Int32 // of Conn.in: one of ownerReader and its neighbours
	over  atomic.Bool  // the timer's function is to return

	// Owned by the reader.
	armed bool // the timer was started, and neither stopped nor seen to be done
	timer *time.Timer

	done chan struct{} // the timer's function has run; capacity 1
}

const (
	sendsScheduled = iota // by a flusher
	sendsDirect           // the next one is written at once
	sendsHeld             // until the end of the turn
)

const (
	ownerReader  = iota // parsing or waiting for input
	ownerNobody         // while a message is handled
	ownerWatcher        // while it is handled for long
)

const lateAfter = time.Millisecond

// begin is called by the reader when it hands out a message.
func (t *turn) begin(c *Conn) {
	sends := int32(sendsDirect)
	if c.buffered() {
		sends = sendsHeld
	}
	switch {
	case t.armed:
		if was := t.sends.Load(); was != sendsScheduled {
			t.sends.CompareAndSwap(was, sends)
		}
		t.owner.Store(ownerNobody)
		return
	case t.timer == nil:
		t.done = make(chan struct{}, 1)
		t.timer = time.AfterFunc(time.Hour, func() { t.late(c) })
	}
	t.armed = true
	t.over.Store(false)
	t.sends.Store(sends)
	t.owner.Store(ownerNobody)
	t.timer.Reset(lateAfter)
}

// handled is called by the reader when the message it handed out was handled. It takes the input back.
func (t *turn) handled(c *Conn) {
	if t.owner.CompareAndSwap(ownerNobody, ownerReader) {
		return
	}
	if t.owner.Load() == ownerReader {
		return // the first call
	}
	c.interruptRead()
	<-t.done
	t.armed = false
	t.owner.Store(ownerReader)
	c.resumeRead()
	c.beat.heard(c.engine) // the silence of the time the handler took is not the peer's
}

// handling reports whether a message is being handled.
func (t *turn) handling() bool { return t.owner.Load() != ownerReader }

// holds reports whether this turn sees to the flush of what was just queued.
func (t *turn) holds(c *Conn) bool {
	switch t.sends.Load() {
	case sendsDirect:
		if t.sends.CompareAndSwap(sendsDirect, sendsHeld) {
			c.flushAll()
		}
		return true
	case sendsHeld:
		return true
	}
	return false
}

// holding reports whether the end of a turn is still to come, and with it a flush.
func (t *turn) holding() bool { return t.sends.Load() != sendsScheduled }

// end is called by the reader before it waits for the network, and at the end.
func (t *turn) end(c *Conn) {
	if t.armed {
		t.over.Store(true)
		if !t.timer.Stop() {
			<-t.done
		}
		t.armed = false
	}
	if t.sends.Swap(sendsScheduled) != sendsScheduled {
		c.release()
	}
}

// release writes what a turn has held back.
func (c *Conn) release() {
	c.flushAll()
	c.engine.kick()
}

// late runs on the timer's goroutine. The reader waits for it, in handled or in end.
func (t *turn) late(c *Conn) {
	if t.sends.Swap(sendsScheduled) != sendsScheduled {
		c.release()
	}
	defer func() { t.done <- struct{}{} }()
	for !t.owner.CompareAndSwap(ownerNobody, ownerWatcher) {
		if t.over.Load() {
			return
		}
		runtime.Gosched() // the reader is parsing, which takes no time: it has no network to wait for within a turn
	}
	c.clearDeadline()
	c.foretell()
	for c.readAhead() {
	}
}

// foretell ends the connection's context if the peer is known to be gone or closing.
func (c *Conn) foretell() {
	if c.in.err != nil {
		c.cancel(lost(c.in.err))
	} else if c.in.meter.closed {
		c.cancel(ErrClosed)
	}
}

// readAhead waits for input on behalf of the reader while that one is busy, and keeps it. It reports whether to go on.
func (c *Conn) readAhead() bool {
	in := &c.in
	if in.err != nil || in.meter.closed {
		return false
	}
	if in.buf == nil {
		in.buf = inputPool.Get().(*[inputSize]byte)
		in.r, in.w = 0, 0
	}
	if in.w == len(in.buf) {
		return false // backpressure: the peer's further input, and its end, wait for the handler
	}
	n, err := c.raw.Read(in.buf[in.w:])
	in.w += in.check(in.buf[in.w : in.w+n])
	if in.r == in.w {
		in.release()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false // interrupted
	}
	if err != nil && in.err == nil {
		in.err = err
	}
	c.foretell()
	return true
}

// clearDeadline takes a deadline for an unfinished message away while its predecessor is handled.
func (c *Conn) clearDeadline() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if !c.out.interrupted {
		c.raw.SetReadDeadline(time.Time{})
	}
}
