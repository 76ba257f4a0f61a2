package transport

import (
	"fmt"
	"sync"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
)

// outbox is the bounded queue of finished frames that wait for a connection's socket. A frame stays in it until it is
// written, and is not copied for the time it waits.
//
// At any time at most one goroutine writes: a flush that writes without blocking what waits, or, once the socket is
// full, a goroutine of the connection's own that waits for it and ends when the queue is empty. So an idle connection
// has no writer, and a slow one costs one parked goroutine.
//
// Nothing is done under the lock that takes longer for one peer than for another, so that a sender may queue for many
// connections while it holds the lock of a set.
type outbox struct {
	mu      sync.Mutex     // guards following
	frames  []frame.Shared // waiting, in order
	offset  int            // bytes of the first that are written
	taken   int            // how many of them are being written right now
	bytes   int            // of frames
	queued  uint64         // frames ever put
	ping    uint64         // the number of the ping that waits, 0 if none does
	sent    int64          // bytes ever written
	cause   error          // why closing or dead
	flushes []*flush       // who waits for a part of the frames to be written, in the order of the parts
	wait    *wait          // for the peer; nil before the first

	writing   bool // somebody writes
	blocked   bool // and waits for the socket, which was found full
	scheduled bool // somebody will flush
	charged   bool // the engine's backlog counts the frames
	closing   bool // the last of frames is the close frame; nothing may follow it
	untold    bool // the context is still to be cancelled with the cause
	dead      bool // the raw connection is closed
	lost      bool // a frame other than the close frame was not written and never will be
}

// Send queues m for this connection.
//
// It returns ErrClosed once closing began, ErrSlowClient if m did not fit and the connection is being closed for it,
// and ErrLimit if m alone is larger than the whole queue may be.
func (c *Conn) Send(m *frame.Message) error { return c.send(m.Shared(c.deflate)) }

// SendData queues a data message with the given payload, which is copied.
func (c *Conn) SendData(typ websocket.MessageType, payload []byte) error {
	if c.deflate {
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
		c.tell() // before the handler hears of it
	}
	return err
}

// push queues f and reports whether the caller has to see to a flush, and whether to relieve a queue that holds more
// than it may. It takes no longer for a connection that is slow.
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
		c.evict(errBacklog)
	default:
		c.put(f)
		return c.wake(), over, nil
	}
	return c.wake(), false, ErrSlowClient
}

// tooLarge returns an error for what no queue of the connection holds.
func (c *Conn) tooLarge(f frame.Shared) error {
	if len(f.Frame) <= c.limits.QueueBytes {
		return nil
	}
	return fmt.Errorf("%w: a message of %d bytes, the outbound queue holds %d", ErrLimit, len(f.Frame), c.limits.QueueBytes)
}

// exceeds reports whether the queue would hold more than so many times its limits with n bytes more. The caller holds
// the lock.
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

// wake reports whether the caller has to see to a flush, and notes that somebody does. The caller holds the lock.
func (c *Conn) wake() bool {
	o := &c.out
	if o.scheduled || o.writing && !o.untold {
		return false
	}
	o.scheduled = true
	return true
}

var slowClient = frame.Close(websocket.StatusTryAgainLater, "slow client")

// evict gives up on a client that does not read: what waits is dropped, but for what is being written, and the close
// frame gets the time of a closing handshake to arrive. A flush sees to the rest. The caller holds the lock.
func (c *Conn) evict(cause error) {
	keep := c.out.taken
	if c.out.offset > 0 {
		keep = max(keep, 1)
	}
	c.out.cause = cause // which Flush tells
	dropped := c.drop(keep)
	c.startClosing(slowClient, cause, c.limits.Close)
	c.out.wait.dropped = dropped
}

// drop forgets all frames but the first, and returns those that the backlog still counts. That is no more work for a
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

// wrote takes n bytes that were written off the queue, and reports whether more waits. The caller holds the lock and
// has set writing.
func (c *Conn) wrote(n int) (more bool) {
	o := &c.out
	o.taken = 0
	if o.dead {
		return false
	}
	o.sent += int64(n)
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

// forget takes the first frames, which are written, off the queue. The caller holds the lock.
func (c *Conn) forget(done int) {
	o := &c.out
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

// maxKeptQueue and maxIdleQueue are how many places an empty queue keeps for the next messages, and for the next ping.
const (
	maxKeptQueue = 64
	maxIdleQueue = 4
)

// written returns how many of the frames that were ever put are no longer waiting. The caller holds the lock.
func (o *outbox) written() uint64 { return o.queued - uint64(len(o.frames)) }

// drained is called when nothing is left to write. The caller holds the lock.
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
		// The close frame is out. From here the peer has a bounded time to answer it, whatever the reader is busy with.
		c.bound(c.limits.Close)
	}
}

// fail ends the connection after a write failed.
func (c *Conn) fail(err error) {
	c.out.mu.Lock()
	c.out.writing = false
	c.out.mu.Unlock()
	c.kill(lost(err))
}
