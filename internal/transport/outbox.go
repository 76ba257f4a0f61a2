package transport

import (
	"fmt"
	"sync"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
)

// outbox is the bounded queue of encoded frames for a connection's socket. A frame stays in it until it is written, and
// is not copied while it waits.
//
// At most one goroutine writes at a time: a flush, which writes without blocking, or, once the socket is full, a
// goroutine that waits for the socket and ends when the queue is empty. So an idle connection has no writer, and a slow
// one costs one parked goroutine.
//
// The time under the lock does not depend on the peer, so that a sender may queue for many connections while it holds
// the lock of a set.
type outbox struct {
	mu     sync.Mutex     // guards following
	frames []frame.Shared // waiting, in order
	offset int            // total size of frames[0] already written
	bytes  int            // total size of frames
	queued uint64         // frames ever put
	ping   uint64         // sequence number of the queued ping, 0 if there is none
	sent   int64          // bytes ever written
	writes uint64         // calls that wrote them
	cause  error          // of closing or dead
	wait   *wait          // for the peer, and for frames to be written; made on first use

	writing   bool // a goroutine writes
	blocked   bool // and waits for the socket, which was full
	scheduled bool // a flush will follow
	charged   bool // the engine's backlog counts the frames
	closing   bool // the close frame is queued; nothing may follow it
	untold    bool // tell has not yet cancelled the context with the cause
	dead      bool // the raw connection is closed
	lost      bool // a frame other than the close frame was dropped
	byPeer    bool // the peer has closed the connection, set by End
	deflate   bool // permessage-deflate was negotiated, without context takeover; never changes

	code  uint16 // of the close frame, once closing is set
	taken int32  // how many frames are being written

	delivered uint64 // data frames ever written
}

// Send queues m for this connection.
//
// It returns ErrClosed once closing has begun, ErrSlowClient if the queue was full and the connection is therefore
// being closed, and ErrLimit if m alone exceeds the queue's limit.
func (c *Conn) Send(m *frame.Message) error { return c.send(m.Shared(c.out.deflate)) }

// SendData queues a data message with the given payload, which is copied.
func (c *Conn) SendData(typ websocket.MessageType, payload []byte) error {
	if c.out.deflate {
		return c.Send(frame.NewMessage(typ, payload))
	}
	return c.send(frame.Shared{Frame: frame.New(typ, payload)})
}

// send queues one whole frame.
func (c *Conn) send(f frame.Shared) error {
	wake, over, err := c.push(f)
	if wake && !c.cycle.holds(c) {
		c.engine.schedule(c)
	}
	if only := [1]*Conn{c}; over && relieve(only[:]) > 0 {
		err = ErrSlowClient
	}
	if err != nil {
		c.tell() // before the handler sees the error
	}
	return err
}

// push queues f. It reports whether the caller must schedule a flush, and whether it must call relieve because the
// queue exceeds its limits. It takes no longer for a slow connection.
func (c *Conn) push(f frame.Shared) (wake, over bool, err error) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing || o.dead {
		return false, false, ErrClosed
	}
	if err := c.tooLarge(f); err != nil {
		return false, false, err
	}
	over = c.exceeds(len(f.Frame), 1)
	switch {
	case over && (o.blocked || c.exceeds(len(f.Frame), 2)):
		c.evict(ErrSlowClient)
	case o.charged && c.engine.backlog.full():
		c.evict(ErrBacklog)
	default:
		c.put(f)
		return c.wake(), over, nil
	}
	return c.wake(), false, ErrSlowClient
}

// tooLarge returns an error if f alone exceeds the queue's limit.
func (c *Conn) tooLarge(f frame.Shared) error {
	if len(f.Frame) <= c.limits.QueueBytes {
		return nil
	}
	return fmt.Errorf("%w: a message of %d bytes, the outbound queue holds %d", ErrLimit, len(f.Frame), c.limits.QueueBytes)
}

// exceeds reports whether one more frame of n bytes would exceed the queue's limits, multiplied by times. The caller
// holds the lock.
func (c *Conn) exceeds(n, times int) bool {
	return len(c.out.frames) >= times*c.limits.QueueMessages || c.out.bytes+n > times*c.limits.QueueBytes
}

// put appends f. The caller holds the lock.
func (c *Conn) put(f frame.Shared) {
	o := &c.out
	o.frames = append(o.frames, f)
	o.bytes += len(f.Frame)
	o.queued++
	switch {
	case o.charged:
		c.engine.backlog.hold(f)
		c.engine.checkBacklog()
	case c.behind():
		c.charge()
	}
}

// wake reports whether the caller must schedule a flush, and if so marks it as scheduled. The caller holds the lock.
func (c *Conn) wake() bool {
	o := &c.out
	if o.scheduled || o.writing && !o.untold {
		return false
	}
	o.scheduled = true
	return true
}

var slowClient = frame.Close(websocket.StatusTryAgainLater, "slow client")

// evict starts to close the connection of a client that does not read. It drops queued frames, except those being
// written, and allows [Limits].Close for the close frame. A flush does the rest. The caller holds the lock.
func (c *Conn) evict(cause error) {
	keep := int(c.out.taken)
	if c.out.offset > 0 {
		keep = max(keep, 1)
	}
	c.out.cause = cause // before drop, as Flush returns it
	dropped := c.drop(keep)
	c.startClosing(slowClient, cause)
	c.bound(c.limits.Close)
	c.out.wait.dropped = dropped
}

// drop removes all frames but the first keep, and returns those that the backlog still counts. It takes no longer for a
// long queue. The caller holds the lock.
func (c *Conn) drop(keep int) (dropped []frame.Shared) {
	o := &c.out
	if o.charged {
		dropped = o.frames[keep:]
	}
	n := len(o.frames) - keep
	o.queued -= uint64(n)
	if o.ping > o.queued {
		o.ping = 0
	}
	if n > 1 || n == 1 && !o.closing { // else it is the close frame, or nothing
		o.lose(o.queued)
	}
	o.frames = append([]frame.Shared(nil), o.frames[:keep]...)
	o.bytes = 0
	for _, f := range o.frames {
		o.bytes += len(f.Frame)
	}
	return dropped
}

// wrote removes n written bytes from the queue, and reports whether frames are left. The caller holds the lock and has
// set writing.
func (c *Conn) wrote(n int) (more bool) {
	o := &c.out
	o.taken = 0
	if o.dead {
		return false
	}
	o.sent += int64(n)
	if n > 0 {
		o.writes++
	}
	done := 0
	for ; n > 0; done++ {
		whole := len(o.frames[done].Frame)
		if left := whole - o.offset; n < left {
			o.offset += n
			break
		} else {
			n -= left
		}
		o.offset = 0
		o.bytes -= whole
	}
	if done > 0 {
		c.forget(done)
		o.tellFlushes()
	}
	if len(o.frames) > 0 {
		return true
	}
	c.drained()
	return false
}

// forget removes the first done frames, which are written, from the queue. The caller holds the lock.
func (c *Conn) forget(done int) {
	o := &c.out
	o.countWritten(o.frames[:done])
	if o.charged {
		c.engine.backlog.letGo(o.frames[:done])
	}
	left := copy(o.frames, o.frames[done:])
	clear(o.frames[left:])
	if o.frames = o.frames[:left]; left == 0 && cap(o.frames) > maxKeptQueue {
		o.frames = nil
	}
	if o.ping != 0 && o.written() >= o.ping {
		c.wrotePing()
	}
}

// maxKeptQueue and maxIdleQueue are the capacities that an empty queue keeps, after a write and when idle.
const (
	maxKeptQueue = 64
	maxIdleQueue = 4
)

// written returns the sequence number of the last frame that has left the queue. The caller holds the lock.
func (o *outbox) written() uint64 { return o.queued - uint64(len(o.frames)) }

// drained is called when the queue becomes empty. The caller holds the lock.
func (c *Conn) drained() {
	o := &c.out
	o.blocked = false
	if o.charged {
		c.uncharge()
	}
	switch {
	case !o.closing:
		o.wait.stop()
	case o.cause != errUndecided:
		// The close frame is written. The time for the peer's answer starts now, even if the reader is busy.
		c.bound(c.limits.Close)
	}
}

// fail closes the connection after a write error.
func (c *Conn) fail(err error) {
	c.out.mu.Lock()
	c.out.writing = false
	c.out.mu.Unlock()
	c.kill(lost(err))
}
