package transport

import (
	"context"

	"github.com/wsgate/wsgate/internal/frame"
)

// SendPaced queues m as Send does, but waits while the queue is more than half full or m does not fit. So it does not
// turn a client that reads into a slow one, and the other half remains for other senders. While the backlog is more
// than half full, it waits until this queue is empty.
//
// It returns ctx's error once ctx is done, and ErrClosed with the cause once closing has begun.
func (c *Conn) SendPaced(ctx context.Context, m *frame.Message) error {
	err := c.sendPaced(ctx, m.Shared(c.out.deflate))
	if err != nil {
		c.tell() // before the handler sees the error
	}
	return err
}

func (c *Conn) sendPaced(ctx context.Context, f frame.Shared) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		wake, room, err := c.pushPaced(f)
		if err != nil {
			return err
		}
		if room == nil {
			if wake && !c.cycle.holds(c) {
				c.engine.schedule(c)
			}
			return nil
		}
		c.flushAll() // including what a read cycle holds back
		if err := c.out.await(ctx, room); err != nil {
			return err
		}
	}
}

// pushPaced queues f and reports whether the caller must schedule a flush, or returns a wait for room. Checking and
// queueing are one step under the lock, so that many waiting senders do not overfill the queue together.
func (c *Conn) pushPaced(f frame.Shared) (wake bool, room *flush, err error) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing || o.dead {
		return false, nil, o.loss()
	}
	if err := c.tooLarge(f); err != nil {
		return false, nil, err
	}
	if room = o.awaitWritten(c.roomFor(f)); room != nil {
		room.toSend = true
		return false, room, nil
	}
	c.put(f)
	return c.wake(), nil, nil
}

// roomFor returns the sequence number of the frame that must be written before f may be queued. The caller holds the
// lock.
func (c *Conn) roomFor(f frame.Shared) (upTo uint64) {
	o := &c.out
	frames, bytes := c.limits.QueueMessages/2, min(c.limits.QueueBytes/2, c.limits.QueueBytes-len(f.Frame))
	switch {
	case c.engine.backlog.crowded():
		frames, bytes = 0, 0
	case !o.charged:
		bytes = min(bytes, maxBatch) // the backlog does not count this queue
	}
	upTo = o.written()
	waiting := o.bytes
	for i, first := range o.frames {
		if len(o.frames)-i <= frames && waiting <= bytes {
			break
		}
		waiting -= len(first.Frame)
		upTo++
	}
	return upTo
}
