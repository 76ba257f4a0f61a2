package transport

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// flush is a wait until all frames up to a sequence number are written.
type flush struct {
	upTo   uint64
	toSend bool // the waiter wants to send more; the wait ends when closing begins
	done   chan struct{}
	err    error // why a frame was dropped; set before done is closed
}

// Flush waits until everything queued before the call is written. It returns ctx's error if ctx is done first, or
// ErrClosed with the cause if any of it was dropped.
func (c *Conn) Flush(ctx context.Context) error {
	c.flushAll()
	f, err := c.out.messages()
	if f != nil {
		err = c.out.await(ctx, f)
	}
	if err != nil {
		c.tell() // before the handler sees the error
	}
	return err
}

// await waits for f, or until ctx is done. The caller holds no lock.
func (o *outbox) await(ctx context.Context, f *flush) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		o.mu.Lock()
		defer o.mu.Unlock()
		o.endFlushes(func(other *flush) bool { return other == f }, nil)
		return context.Cause(ctx)
	}
}

// messages returns a wait for all queued messages, nil if they are written, or an error if any was dropped.
func (o *outbox) messages() (*flush, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost {
		return nil, o.loss()
	}
	upTo := o.queued
	if o.closing {
		upTo-- // the close frame is not a message
	}
	return o.awaitWritten(upTo), nil
}

// loss returns why frames were dropped. The caller holds the lock.
func (o *outbox) loss() error {
	if o.cause == nil || o.cause == errUndecided {
		return ErrClosed
	}
	return &lossError{o.cause}
}

// lossError is ErrClosed with the cause. The cause's Error method may be user code, so it is not called under a lock.
type lossError struct{ cause error }

func (e *lossError) Error() string   { return fmt.Sprintf("%v: %v", ErrClosed, e.cause) }
func (e *lossError) Unwrap() []error { return []error{ErrClosed, e.cause} }

// awaitWritten returns a wait for the frames up to a sequence number, nil if none of them is queued. The caller holds
// the lock.
func (o *outbox) awaitWritten(upTo uint64) *flush {
	if o.written() >= upTo {
		return nil
	}
	f := &flush{upTo: upTo, done: make(chan struct{})}
	w := o.waits()
	at, _ := slices.BinarySearchFunc(w.flushes, upTo, func(f *flush, upTo uint64) int { return cmp.Compare(f.upTo, upTo) })
	w.flushes = slices.Insert(w.flushes, at, f)
	return f
}

// tellFlushes ends the waits for frames that are written. Once the connection is dead, the only waits left are for the
// close frame. The caller holds the lock.
func (o *outbox) tellFlushes() {
	w := o.wait
	if w == nil {
		return
	}
	for len(w.flushes) > 0 && (o.dead || w.flushes[0].upTo <= o.written()) {
		close(w.flushes[0].done)
		w.flushes = w.flushes[1:]
	}
	if len(w.flushes) == 0 {
		w.flushes = nil
	}
}

// lose records that the frames after a sequence number were dropped, for the cause that is set, and ends the waits for
// them. The caller holds the lock.
func (o *outbox) lose(behind uint64) {
	o.lost = true
	o.endFlushes(func(f *flush) bool { return f.upTo > behind }, o.loss())
}

// endFlushes ends the selected waits with err. The caller holds the lock.
func (o *outbox) endFlushes(some func(*flush) bool, err error) {
	if o.wait == nil {
		return
	}
	o.wait.flushes = slices.DeleteFunc(o.wait.flushes, func(f *flush) bool {
		if !some(f) {
			return false
		}
		f.err = err
		close(f.done)
		return true
	})
}
