package transport

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// flush is somebody's wait for the frames up to a number to be written.
type flush struct {
	upTo   uint64
	toSend bool // who waits wants to send more, and is told when closing begins
	done   chan struct{}
	err    error // why one of them never will be; set before done is closed
}

// Flush returns nil when everything that was queued before is written, ctx's error if that is done first, or ErrClosed
// with the cause if a part of it was dropped.
func (c *Conn) Flush(ctx context.Context) error {
	c.flushAll()
	f, err := c.out.messages()
	if f != nil {
		err = c.out.await(ctx, f)
	}
	if err != nil {
		c.tell() // before the handler hears of it
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

// messages returns a wait for what was queued, or nil if that is written or some of it never will be.
func (o *outbox) messages() (*flush, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost {
		return nil, o.loss()
	}
	upTo := o.queued
	if o.closing {
		upTo-- // the close frame is nobody's message
	}
	return o.awaitWritten(upTo), nil
}

// loss says why frames were dropped. The caller holds the lock.
func (o *outbox) loss() error {
	if o.cause == nil || o.cause == errUndecided {
		return ErrClosed
	}
	return &lossError{o.cause}
}

// lossError is ErrClosed with the cause, whose text may be the user's code: nobody asks for it under a lock.
type lossError struct{ cause error }

func (e *lossError) Error() string   { return fmt.Sprintf("%v: %v", ErrClosed, e.cause) }
func (e *lossError) Unwrap() []error { return []error{ErrClosed, e.cause} }

// awaitWritten returns a wait for the frames up to a number, nil if they are not waiting any more. The caller holds the lock.
func (o *outbox) awaitWritten(upTo uint64) *flush {
	if o.written() >= upTo {
		return nil
	}
	f := &flush{upTo: upTo, done: make(chan struct{})}
	at, _ := slices.BinarySearchFunc(o.flushes, upTo, func(f *flush, upTo uint64) int { return cmp.Compare(f.upTo, upTo) })
	o.flushes = slices.Insert(o.flushes, at, f)
	return f
}

// tellFlushes ends the waits for what is written. Once the connection is dead nothing waits but for the close frame. The
// caller holds the lock.
func (o *outbox) tellFlushes() {
	for len(o.flushes) > 0 && (o.dead || o.flushes[0].upTo <= o.written()) {
		close(o.flushes[0].done)
		o.flushes = o.flushes[1:]
	}
	if len(o.flushes) == 0 {
		o.flushes = nil
	}
}

// lose notes that the frames behind a number are dropped, for the cause that is set, and ends the waits for them. The
// caller holds the lock.
func (o *outbox) lose(behind uint64) {
	o.lost = true
	o.endFlushes(func(f *flush) bool { return f.upTo > behind }, o.loss())
}

// endFlushes ends some of the waits with an error. The caller holds the lock.
func (o *outbox) endFlushes(some func(*flush) bool, err error) {
	o.flushes = slices.DeleteFunc(o.flushes, func(f *flush) bool {
		if !some(f) {
			return false
		}
		f.err = err
		close(f.done)
		return true
	})
}
