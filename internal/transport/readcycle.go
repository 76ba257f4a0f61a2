package transport

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// readCycle is the period in which messages that arrived together are handled: from returning the first until the
// reader waits for the network again. Frames sent to the connection meanwhile are written
//
//   - at once, if it is the first frame and no further message is buffered;
//   - together when the read cycle ends otherwise, so that answers to pipelined messages cost one write;
//   - as soon as the read cycle is found to be late, since the handler may run long.
//
// A late read cycle also gets a watcher: the handler's context must end with its connection, so a goroutine reads ahead
// until the handler returns.
type readCycle struct {
	sends  atomic.Int32  // when sent frames are written: one of the sends constants
	reader atomic.Int32  // who may use Conn.in: one of the reader constants
	number atomic.Uint32 // of the current or the last read cycle
	listed atomic.Bool   // it is on the slow-handler watch
	over   atomic.Bool   // the watcher must return, so the read deadline stays in the past

	active bool          // the read cycle has begun; used by the reader only
	held   bool          // frames were held before its last message; used by the reader only
	done   chan struct{} // receives when the watcher has ended; capacity 1; made on first use
	slow   *time.Timer   // calls HandlerIsSlow; made on first use
}

const (
	sendsScheduled = iota // by a flusher
	sendsDirect           // the next one is written at once
	sendsNext             // the next one is held
	sendsHeld             // until the end of the read cycle, as at least one is
)

const (
	readerReads       = iota // parsing or waiting for input
	readerWaits              // for a message, and may be interrupted
	readerInterrupted        // to park the connection
	readerBusy               // while a message is handled
	readerWatched            // while it is handled and a watcher reads ahead
)

// begin is called by the reader when it returns a message.
func (t *readCycle) begin(c *Conn) {
	sends := int32(sendsDirect)
	if c.buffered() {
		sends = sendsNext
	}
	if !t.active {
		t.active = true
		t.number.Add(1)
		t.sends.Store(sends)
	} else {
		t.again(sends)
	}
	t.reader.Store(readerBusy)
	// This order, the reverse of check's, ensures that one of the two sees the other.
	if !t.listed.Load() && t.listed.CompareAndSwap(false, true) {
		c.engine.late.add(started{c, t.number.Load()})
	}
}

// again sets when frames are written that are sent while a further message of the cycle is handled.
func (t *readCycle) again(sends int32) {
	was := t.sends.Load()
	if was == sendsScheduled || was == sendsHeld && sends == sendsNext {
		return
	}
	if t.sends.CompareAndSwap(was, sends) && was == sendsHeld {
		t.held = true
	}
}

// check is called by the slow-handler watch for a listed cycle. If that cycle still runs, it gets a watcher; if another
// has begun since, that one is listed.
func (c *Conn) check(number uint32) {
	t := &c.cycle
	if t.number.Load() == number && t.reader.Load() == readerBusy {
		if t.done == nil {
			t.done = make(chan struct{}, 1) // lazily: most connections never have a late read cycle
		}
		if t.reader.CompareAndSwap(readerBusy, readerWatched) {
			go t.late(c) // the reader waits for it in handled, when the timer is set
			return
		}
	}
	t.listed.Store(false)
	if t.reader.Load() == readerBusy && t.listed.CompareAndSwap(false, true) {
		c.engine.late.add(started{c, t.number.Load()})
	}
}

// handled is called by the reader when the message it returned has been handled. It stops the watcher and takes the
// input back.
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
	c.heartbeat.heard(c.engine) // silence while the handler ran does not count against the peer
}

// handling reports whether a message is being handled.
func (t *readCycle) handling() bool { return t.reader.Load() >= readerBusy }

// holds reports whether this read cycle flushes the frame that was just queued.
func (t *readCycle) holds(c *Conn) bool {
	switch t.sends.Load() {
	case sendsDirect:
		if t.sends.CompareAndSwap(sendsDirect, sendsNext) {
			c.flushAll()
			return true
		}
		return t.holds(c)
	case sendsNext:
		return t.sends.CompareAndSwap(sendsNext, sendsHeld) || t.holds(c)
	case sendsHeld:
		return true
	}
	return false
}

// holding reports whether a read cycle is running, whose end will flush.
func (t *readCycle) holding() bool { return t.sends.Load() != sendsScheduled }

// end is called by the reader before it waits for the network, and by End.
func (t *readCycle) end(c *Conn) {
	held := t.held
	t.active, t.held = false, false
	if t.listed.Load() {
		c.engine.late.forget(c, &t.listed)
	}
	if t.sends.Load() == sendsScheduled {
		return
	}
	was := t.sends.Swap(sendsScheduled)
	if was == sendsHeld || held && was != sendsScheduled {
		c.flushAll()
	}
	c.engine.kick()
}

// late releases what the read cycle holds back, and reads ahead until the handler returns.
func (t *readCycle) late(c *Conn) {
	if t.slow == nil {
		t.slow = time.AfterFunc(c.limits.Handler, c.owner.HandlerIsSlow)
	} else {
		t.slow.Reset(c.limits.Handler)
	}
	if t.sends.Swap(sendsScheduled) != sendsScheduled {
		c.flushAll()
		c.engine.kick()
	}
	c.setReadDeadline(time.Time{}) // the deadline of an unfinished message does not apply while its predecessor is handled
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

// readAhead buffers input while the reader is busy. It reports whether to continue.
func (c *Conn) readAhead() bool {
	in := c.in
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

// awaitHangup cancels the connection's context when the peer has closed its side, even behind unread input. It returns
// early when interrupted. A WebSocket does not work half-closed: a peer that can send nothing more, not even a close
// frame, is gone.
//
// Only the kernel knows of a FIN behind unread input, and if its receive buffer is full, the FIN does not arrive. So
// the peer is pinged as well, since one that is gone answers with a reset.
func (c *Conn) awaitHangup() {
	sys := socketOf(c.raw)
	if sys == nil || !direct {
		return // the next heartbeat ping detects it
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

// pingBehindInput is the ping interval for a peer that has sent more than is read ahead.
const pingBehindInput = time.Second

// setReadDeadline sets the watcher's read deadline, unless interruptRead has been called to make the watcher return.
// resumeRead undoes interruptRead.
func (c *Conn) setReadDeadline(t time.Time) {
	c.raw.SetReadDeadline(t)
	if c.cycle.over.Load() { // interruptRead came in between
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
		c.in.since = time.Now() // the handler's time does not count against the peer
	}
	c.cycle.over.Store(false)
	c.raw.SetReadDeadline(time.Time{})
}

var past = time.Unix(1, 0)
