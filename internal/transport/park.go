package transport

import (
	"errors"
	"os"
	"time"
)

// ErrParked is returned by [Conn.Read] when the connection is parked: it has been quiet, and waits for input without a
// goroutine. The reader returns, and touches the connection no more. [Owner].Resume is called when there is something to
// read.
var ErrParked = errors.New("wsgate: parked")

// park is a connection's state in the two places where it can wait for its next message.
//
// While it is awake, its reader waits in the runtime's poller, and the engine's list of awake connections has it: when
// no message has come for a while, the reader is interrupted and parks the connection in the lot. Input, or the end of
// the connection, brings it back. What comes after a long time is often alone, so the connection parks again as soon as
// it is handled; a connection that is brought back soon after it has parked is awake again instead. So one that has
// messages all the time is neither parked nor brought back for each of them.
type park struct {
	since  time.Duration // when it was parked, by the engine's clock; the reader's
	spot   int32         // in the lot, whether or not it is parked; 0 for none; guarded by the outbox's lock
	listed int32         // one more than its index in the list of awake connections, 0 for none; guarded by the list's lock
	ticks  uint8         // how long it is quiet before it is parked; guarded by the list's lock, or the reader's if not listed

	able   bool // its socket can be in the lot
	parked bool // guarded by the outbox's lock

	// Owned by the reader.
	awake bool // it waits in the runtime's poller until it has been quiet
	fresh bool // it was just brought back, or its last read filled the buffer: there is something to read
	due   bool // it is to be parked
}

// startParking is called once, before the first Read.
func (c *Conn) startParking() {
	if c.park.able && !parkAtOnce {
		c.stayAwake()
	}
}

// stayAwake makes the connection wait in the runtime's poller until it has been quiet.
func (c *Conn) stayAwake() {
	c.park.awake = true
	c.engine.awake.add(c)
}

// wakeful is called by the reader when a message has come. A connection that had hardly been parked stays awake from now
// on, and leaves the lot.
func (c *Conn) wakeful() {
	p := &c.park
	if !p.able || p.awake || parkAtOnce {
		return
	}
	if c.engine.clock()-p.since > maxTicks*awakeTick { // longer than it would have stayed awake
		p.ticks = 1
		return
	}
	p.lookLess()
	c.out.mu.Lock()
	c.engine.lot.leave(c)
	c.out.mu.Unlock()
	c.stayAwake()
}

// drowsy reports whether the connection parks as soon as there is nothing to read.
func (c *Conn) drowsy() bool { return c.park.able && !c.park.awake }

// lookLess makes the connection stay awake for longer.
func (p *park) lookLess() { p.ticks = min(2*p.ticks, maxTicks) }

// mayWait reports whether the reader is between two messages, where it may be interrupted and parked.
func (c *Conn) mayWait() bool { return c.park.able && !c.in.meter.inMessage() }

// waitAwake waits for input in the runtime's poller, as fill does. If it is interrupted, the connection is to be parked.
func (c *Conn) waitAwake(p []byte) (n int) {
	t := &c.cycle
	t.reader.Store(readerWaits)
	n = c.fill(p)
	if t.reader.CompareAndSwap(readerWaits, readerReads) {
		return n
	}
	c.out.mu.Lock() // interrupt holds it while it sets the deadline
	t.reader.Store(readerReads)
	c.raw.SetReadDeadline(time.Time{})
	c.out.mu.Unlock()
	c.park.due = c.timedOut()
	return n
}

// timedOut reports whether fill has ended by its deadline, and forgets it.
func (c *Conn) timedOut() bool {
	if !c.in.empty() || !errors.Is(c.in.err, os.ErrDeadlineExceeded) {
		return false
	}
	c.in.err = nil
	return true
}

// interrupt makes the reader park the connection, if it still waits after the same read cycle.
func (c *Conn) interrupt(number uint32) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closing && !o.dead && c.cycle.number.Load() == number && c.cycle.reader.CompareAndSwap(readerWaits, readerInterrupted) {
		c.raw.SetReadDeadline(past)
	}
}

// partialRecord is how long the rest of a TLS record may take when the connection was brought back by its beginning.
// After that it waits for the rest in the lot.
const partialRecord = 10 * time.Millisecond

// readDrowsy reads what there is without waiting for more. If there is nothing, the connection is to be parked.
func (c *Conn) readDrowsy() {
	p := &c.park
	fresh := p.fresh
	p.fresh = false
	c.in.nowait = true
	defer func() { c.in.nowait = false }()
	switch {
	case c.sys != nil && !fresh:
		p.due = true
	case c.sys != nil:
		c.fill(nil)
		p.fresh = c.in.full
	default:
		// Over TLS the socket does not tell whether decrypted data waits, but a read does, even when its time is over.
		until := past
		if fresh {
			until = time.Now().Add(partialRecord)
		}
		c.raw.SetReadDeadline(until)
		c.fill(nil)
		c.raw.SetReadDeadline(time.Time{})
		p.due = c.timedOut()
	}
}

// parks parks the connection if that is due. If it reports true, the connection may be on another goroutine already.
func (c *Conn) parks() bool {
	p := &c.park
	if !p.due {
		return false
	}
	p.due = false
	c.dropParser()
	c.engine.awake.remove(c)
	p.awake, p.since = false, c.engine.clock()
	c.dropInput()
	c.owner.Park()
	o := &c.out
	o.mu.Lock()
	if !o.closing && !o.dead && c.engine.lot.watch(c) {
		p.parked = true
		o.mu.Unlock()
		return true
	}
	o.mu.Unlock()
	c.takeInput()
	c.stayAwake()
	return false
}

// unpark brings the connection back. It reports whether the caller must call Resume, after it has released the lock that
// it holds, the outbox's.
func (c *Conn) unpark() (was bool) {
	p := &c.park
	if was = p.parked; was {
		p.parked, p.fresh = false, true
		c.engine.lot.parked.Add(-1)
	}
	return was
}

// arrived is called when there is something to read. It reports whether the caller must call Resume.
func (c *Conn) arrived() bool {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.unpark()
}

// Parked returns how many connections are parked.
func (e *Engine) Parked() int { return int(e.lot.parked.Load()) }

// clock returns the time since the engine was made.
func (e *Engine) clock() time.Duration { return time.Since(e.made) }
