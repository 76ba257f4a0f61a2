package transport

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
)

// outbox is the bounded queue of finished frames that wait for a connection's socket.
//
// At any time at most one goroutine writes: a flush that takes what waits and writes it without blocking, or, once
// the socket is full, a goroutine of the connection's own that waits for it with a deadline and ends when the queue is
// empty. So an idle connection has no writer, and a slow one costs one parked goroutine.
type outbox struct {
	mu        sync.Mutex    // guards following
	frames    []frame.Frame // waiting, in order
	bytes     int           // of frames and of what is being written
	count     int           // likewise
	writing   bool          // somebody writes
	blocked   bool          // and waits for the socket, which was found full
	scheduled bool          // somebody will flush
	closing   bool          // the last of frames is the close frame; nothing may follow it
	dead      bool          // the raw connection is closed
	dropped   bool          // a frame other than the close frame was not written and never will be
	cause     error         // why closing or dead
	queued    uint64        // frames ever put
	flushes   []*flush      // who waits for a part of them to be written

	cut         *time.Timer // ends the closing handshake
	interrupted bool        // a read deadline in the past is set, and must stay
}

// Send queues m for this connection.
//
// It returns ErrClosed once closing began, ErrSlowClient if m did not fit and the connection is being closed for it,
// and ErrLimit if m alone is larger than the whole queue may be.
func (c *Conn) Send(m *frame.Message) error { return c.send(m.For(c.deflate)) }

// SendData queues a data message with the given payload, which is copied.
func (c *Conn) SendData(typ websocket.MessageType, payload []byte) error {
	if c.deflate {
		return c.Send(frame.NewMessage(typ, payload))
	}
	return c.send(frame.New(typ, payload))
}

// send queues one whole frame.
func (c *Conn) send(f frame.Frame) error {
	scheduled, err := c.push(f)
	if scheduled && !c.turn.holds(c) {
		c.engine.schedule(c)
	}
	return err
}

// push queues f and reports whether the caller has to see to a flush.
func (c *Conn) push(f frame.Frame) (scheduled bool, err error) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing || o.dead {
		return false, ErrClosed
	}
	if len(f) > c.limits.QueueBytes {
		return false, fmt.Errorf("%w: a message of %d bytes, the outbound queue holds %d", ErrLimit, len(f), c.limits.QueueBytes)
	}
	var begun time.Time
	for yields := 0; c.full(f) && !o.blocked && yields < maxYields; yields++ {
		// Nobody has found the socket full yet: the sender outran the flush. It pays for the flush itself, or lets the
		// one who writes return, so that only a client that does not read is taken for one.
		o.mu.Unlock()
		c.flushAll()
		if now := time.Now(); yields == 0 {
			begun = now
		} else if now.Sub(begun) > maxYield {
			yields = maxYields
		}
		runtime.Gosched()
		o.mu.Lock()
		if o.closing || o.dead {
			return false, ErrClosed
		}
	}
	if c.full(f) {
		c.evict()
		return c.wake(), ErrSlowClient
	}
	c.put(f)
	return c.wake(), nil
}

// maxYield and maxYields bound the time that a sender gives to a writer which was not found to be blocked.
const (
	maxYield  = time.Millisecond
	maxYields = 1000
)

// full reports whether f does not fit. The caller holds the lock.
func (c *Conn) full(f frame.Frame) bool {
	return c.out.count >= c.limits.QueueMessages || c.out.bytes+len(f) > c.limits.QueueBytes
}

// put appends f. The caller holds the lock.
func (c *Conn) put(f frame.Frame) {
	c.out.frames = append(c.out.frames, f)
	c.out.bytes += len(f)
	c.out.count++
	c.out.queued++
}

// wake reports whether the caller has to see to a flush, and notes that somebody does. The caller holds the lock.
func (c *Conn) wake() bool {
	if c.out.writing || c.out.scheduled {
		return false
	}
	c.out.scheduled = true
	return true
}

// evict gives up on a client that does not read: what waits is dropped, but for what is being written, and the close
// frame gets the time of a closing handshake to arrive. The caller holds the lock.
func (c *Conn) evict() {
	o := &c.out
	for _, f := range o.frames {
		o.bytes -= len(f)
	}
	waiting := len(o.frames)
	o.count -= waiting
	o.frames = nil
	o.cause = ErrSlowClient
	if waiting > 0 {
		o.lose(o.queued - uint64(waiting))
	}
	c.startClosing(frame.Close(websocket.StatusTryAgainLater, "slow client"), o.cause, c.limits.Close)
}

// flush writes what waits, as far as the socket takes it. It does nothing while somebody else writes.
// It reports whether more came meanwhile, for which the caller then has to flush again.
func (c *Conn) flush() (more bool) {
	o := &c.out
	o.mu.Lock()
	o.scheduled = false
	if o.writing || o.dead || len(o.frames) == 0 {
		o.mu.Unlock()
		return false
	}
	o.writing = true
	c.writers.Add(1) // under the lock: End waits after it has found or made the connection dead under the lock
	b := c.take()
	o.mu.Unlock()

	if c.sys == nil {
		go c.write(b)
		return false
	}
	full, err := b.writeNow(c.sys)
	if full {
		o.mu.Lock()
		o.blocked = true
		o.mu.Unlock()
		go c.write(b)
		return false
	}
	defer c.writers.Done()
	if err != nil {
		b.release()
		c.fail(err)
		return false
	}
	return c.written(b, false)
}

// take moves the next frames into a batch. The caller holds the lock and has set writing.
func (c *Conn) take() *batch {
	o := &c.out
	b := newBatch()
	n := b.fill(o.frames)
	left := copy(o.frames, o.frames[n:])
	clear(o.frames[left:])
	if o.frames = o.frames[:left]; left == 0 && cap(o.frames) > maxKeptQueue {
		o.frames = nil
	}
	return b
}

// maxKeptQueue is how many slots an empty queue keeps for the next messages.
const maxKeptQueue = 32

// written accounts for a batch that was written. It reports whether more waits; then the caller goes on writing if
// it asked to keep on, else it has to flush again.
func (c *Conn) written(b *batch, keepOn bool) (more bool) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bytes -= b.size
	o.count -= b.count
	b.release()
	o.tellFlushes()
	if len(o.frames) > 0 && !o.dead {
		o.writing = keepOn
		o.scheduled = !keepOn
		return true
	}
	o.writing, o.blocked = false, false
	c.drained()
	return false
}

// drained is called when nothing is left to write. The caller holds the lock.
func (c *Conn) drained() {
	o := &c.out
	if o.closing && !o.dead && o.cut == nil && o.cause != errUndecided {
		// The close frame is out. From here the peer has a bounded time to answer it, whatever the reader is busy with.
		o.cut = time.AfterFunc(c.limits.Close, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			c.kill(o.cause)
		})
	}
}

// write waits for the socket until b and all that came after it is written. It runs on a goroutine of its own.
func (c *Conn) write(b *batch) {
	defer c.writers.Done()
	for {
		if err := c.writeWaiting(b); err != nil {
			b.release()
			c.fail(err)
			return
		}
		if !c.written(b, true) {
			return
		}
		c.out.mu.Lock()
		b = c.take()
		c.out.mu.Unlock()
	}
}

// writeWaiting writes the rest of b within the time for one write, or for all that is left once closing began.
func (c *Conn) writeWaiting(b *batch) error {
	c.boundWrite(time.Now().Add(c.limits.Write))
	for _, chunk := range b.rest() {
		if _, err := c.raw.Write(chunk); err != nil {
			return err
		}
	}
	c.boundWrite(time.Time{})
	return nil
}

// boundWrite sets the write deadline, unless closing has set the last one.
func (c *Conn) boundWrite(until time.Time) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if !c.out.closing {
		c.raw.SetWriteDeadline(until)
	}
}

// fail ends the connection after a write failed.
func (c *Conn) fail(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = ErrSlowClient
	} else {
		err = lost(err)
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.writing = false
	c.kill(err)
}

// flushAll flushes until nothing waits or the socket is full.
func (c *Conn) flushAll() {
	for c.flush() {
	}
}
