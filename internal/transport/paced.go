package transport

import (
	"context"

	"github.com/wsgate/wsgate/internal/frame"
)

// SendPaced queues m as Send does, but waits while more than half of what the queue may hold is waiting, or m would not
// fit. So it makes no slow client of one that reads, and what others send has the other half. While the queues of all slow
// clients hold more than half of what they may together, it waits until this one is empty.
//
// It returns ctx's error once that is done, and ErrClosed with the cause once closing began.
func (c *Conn) SendPaced(ctx context.Context, m *frame.Message) error {
	err := c.sendPaced(ctx, m.Shared(c.deflate))
	if err != nil {
		c.tell() // before the handler hears of it
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
		c.flushAll() // also what a read cycle holds back
		if err := c.out.await(ctx, room); err != nil {
			return err
		}
	}
}

// pushPaced queues f and reports whether the caller has to see to a flush, or returns the wait for its room. To look and
// to queue is one step, so that many who wait do not fill the queue together.
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

// roomFor returns the number of the frame that has to be written before f may be queued. The caller holds the lock.
func (c *Conn) roomFor(f frame.Shared) (upTo uint64) {
	o := &c.out
	frames, bytes := c.limits.QueueMessages/2, min(c.limits.QueueBytes/2, c.limits.QueueBytes-len(f.Frame))
	switch {
	case c.engine.backlog.crowded():
		frames, bytes = 0, 0
	case !o.charged:
		bytes = min(bytes, maxBatch) // nobody counts it, nor knows that it has to wait
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
