package transport

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// readCycle is the time in which the messages that arrived together are handled: from handing out the first until the
// reader waits for the network again. What is sent to the connection meanwhile goes out
//
//   - at once, if it is the first and no further message waits: a reply has nobody to wait for;
//   - together when the read cycle ends otherwise, so that answers to pipelined messages cost one write;
//   - as soon as the read cycle is found to be late, since a handler may take its time.
//
// A handler that takes so long is also watched for: its context has to end with its connection, so a goroutine reads
// ahead until the handler returns.
type readCycle struct {
	sends  atomic.Int32  // what becomes of them: one of sendsScheduled and the constants below
	reader atomic.Int32  // who may use Conn.in: one of readerReads and the constants below
	number atomic.Uint32 // of the read cycle, or of the last one
	listed atomic.Bool   // it is on the slow-handler watch
	over   atomic.Bool   // the watcher is to return, so that a read deadline in the past has to stay

	active bool          // the reader's: the read cycle has begun
	done   chan struct{} // the watcher has ended; capacity 1; made before the first
	slow   *time.Timer   // tells the Conn's owner of a late cycle that it is slow; made before the first
}

const (
	sendsScheduled = iota // by a flusher
	sendsDirect           // the next one is written at once
	sendsHeld             // until the end of the read cycle
)

const (
	readerReads   = iota // parsing or waiting for input
	readerBusy           // while a message is handled
	readerWatched        // while it is handled for long
)

// begin is called by the reader when it hands out a message.
func (t *readCycle) begin(c *Conn) {
	sends := int32(sendsDirect)
	if c.buffered() {
		sends = sendsHeld
	}
	if !t.active {
		t.active = true
		t.number.Add(1)
		t.sends.Store(sends)
	} else if was := t.sends.Load(); was != sendsScheduled {
		t.sends.CompareAndSwap(was, sends)
	}
	t.reader.Store(readerBusy)
	// In this order: check does it the other way round, so that one of both sees the other.
	if !t.listed.Load() && t.listed.CompareAndSwap(false, true) {
		c.engine.late.add(started{c, t.number.Load()})
	}
}

// check is called by the slow-handler watch, which has the cycle listed. A read cycle that has lasted since then gets a watcher;
// another one that has begun instead is listed again.
func (t *readCycle) check(s started) {
	if t.number.Load() == s.turn && t.reader.Load() == readerBusy {
		if t.done == nil {
			t.done = make(chan struct{}, 1) // only now: most connections never have a late read cycle
		}
		if t.reader.CompareAndSwap(readerBusy, readerWatched) {
			go t.late(s.c) // the reader waits for it in handled, when the timer is set
			return
		}
	}
	t.listed.Store(false)
	if t.reader.Load() == readerBusy && t.listed.CompareAndSwap(false, true) {
		s.c.engine.late.add(started{s.c, t.number.Load()})
	}
}

// handled is called by the reader when the message it handed out was handled. It takes the input back.
func (t *readCycle) handled(c *Conn) {
	if t.reader.CompareAndSwap(readerBusy, readerReads) || t.reader.Load() == readerReads {
		return
	}
	c.interruptRead()
	<-t.done
	t.slow.Stop()
	t.reader.Store(readerReads)
	t.listed.Store(false)
	c.resumeRead()
	c.heartbeat.heard(c.engine) // the silence of the time the handler took is not the peer's
}

// handling reports whether a message is being handled.
func (t *readCycle) handling() bool { return t.reader.Load() != readerReads }

// holds reports whether this read cycle sees to the flush of what was just queued.
func (t *readCycle) holds(c *Conn) bool {
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

// holding reports whether the end of a read cycle is still to come, and with it a flush.
func (t *readCycle) holding() bool { return t.sends.Load() != sendsScheduled }

// end is called by the reader before it waits for the network, and at the end.
func (t *readCycle) end(c *Conn) {
	t.active = false
	if t.sends.Load() != sendsScheduled && t.sends.Swap(sendsScheduled) != sendsScheduled {
		c.release()
	}
}

// release writes what a read cycle has held back.
func (c *Conn) release() {
	c.flushAll()
	c.engine.kick()
}

// late releases what the read cycle holds back, and watches the socket until the handler returns.
func (t *readCycle) late(c *Conn) {
	if t.slow == nil {
		t.slow = time.AfterFunc(c.limits.Handler, c.owner.HandlerIsSlow)
	} else {
		t.slow.Reset(c.limits.Handler)
	}
	if t.sends.Swap(sendsScheduled) != sendsScheduled {
		c.release()
	}
	c.setReadDeadline(time.Time{}) // one for an unfinished message does not hold while its predecessor is handled
	c.cancelIfPeerGone()
	for c.readAhead() {
	}
	t.done <- struct{}{}
}

// cancelIfPeerGone ends the connection's context if the peer is known to be gone or closing.
func (c *Conn) cancelIfPeerGone() {
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
		c.awaitHangup() // backpressure: the peer's further input waits for the handler
		return false
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
	c.cancelIfPeerGone()
	return true
}

// awaitHangup ends the connection's context when the peer has closed its side, however much of what it sent before was
// not read, or returns when it is interrupted. Half of a connection is not enough for a WebSocket: a peer that can send
// nothing any more, not even a close frame, is gone.
//
// Only a kernel knows of an end that lies behind unread input, and when it has no room for more input the end stays with
// the peer. So the peer is pinged as well, since one that is gone answers with a reset.
func (c *Conn) awaitHangup() {
	sys := socketOf(c.raw)
	if sys == nil || !direct {
		return // the end is found out by the next ping of the heartbeat
	}
	var gone error
	ask := func(fd uintptr) bool { // asked again whenever something arrives
		gone = hangup(int(fd))
		return gone != nil
	}
	for gone == nil {
		c.setReadDeadline(time.Now().Add(pingBehindInput))
		switch err := sys.Read(ask); {
		case err != nil && (c.cycle.over.Load() || !errors.Is(err, os.ErrDeadlineExceeded)):
			return
		case err != nil:
			c.ping()
		}
	}
	c.cancel(lost(gone))
}

// pingBehindInput is how often a peer is pinged that has sent more than is read ahead.
const pingBehindInput = time.Second

// A late read cycle's watcher reads until interruptRead makes it return. resumeRead undoes that.
func (c *Conn) setReadDeadline(t time.Time) {
	c.raw.SetReadDeadline(t)
	if c.cycle.over.Load() { // meanwhile
		c.raw.SetReadDeadline(past)
	}
}

func (c *Conn) interruptRead() {
	c.cycle.over.Store(true)
	c.raw.SetReadDeadline(past)
}

func (c *Conn) resumeRead() {
	c.in.deadline = false
	if c.in.meter.inMessage() {
		c.in.since = time.Now() // the time the handler took is not the peer's
	}
	c.cycle.over.Store(false)
	c.raw.SetReadDeadline(time.Time{})
}

var past = time.Unix(1, 0)
