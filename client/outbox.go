package client

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/envelope"
)

// outgoing is a message to the server.
type outgoing struct {
	message wsgate.Message
	call    *call      // nil if no answer is wanted
	done    chan error // capacity 1: gets the outcome of an event that is written while its sender waits
}

// call is a question without an answer.
type call struct {
	id      string
	link    *link       // over which it was sent; nil if it was not. Guarded by Client.mu
	settled chan answer // capacity 1: whoever removes the call from Client.calls sends to it
}

// answer is what has become of a call.
type answer struct {
	in  *envelope.Inbound
	err error
}

func (c *Client) newCall() *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastID++
	return &call{id: strconv.FormatUint(c.lastID, 10), settled: make(chan answer, 1)}
}

// enqueue puts a message into the queue. The caller holds mu.
func (c *Client) enqueue(out *outgoing) error {
	switch {
	case c.state.Phase == Closed || c.ctx.Err() != nil:
		return closed(c.state.Err)
	case c.state.Phase == Connected:
	case c.options.Queue == 0:
		return ErrNotConnected
	case len(c.queue) >= c.options.Queue:
		return fmt.Errorf("%w: %d messages wait already", ErrNotConnected, len(c.queue))
	}
	c.queue = append(c.queue, out)
	c.wakeWriter()
	return nil
}

func (c *Client) wakeWriter() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// closed returns the error of sending by a client that is closed for a reason.
func closed(why error) error {
	if why == nil || why == ErrClosed {
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrClosed, why)
}

// send queues a message, and waits until it is written if there is a connection.
func (c *Client) send(ctx context.Context, out *outgoing) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	c.mu.Lock()
	err := c.enqueue(out)
	if err == nil && c.state.Phase == Connected {
		out.done = make(chan error, 1) // before the lock is given up, and with it the message
	}
	c.mu.Unlock()
	if err != nil || out.done == nil {
		return err
	}
	select {
	case err := <-out.done:
		return err
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		c.forget(out)
		return context.Cause(ctx)
	}
}

// ask queues a question and waits for the answer.
func (c *Client) ask(ctx context.Context, out *outgoing) (*envelope.Inbound, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	asked := out.call
	c.mu.Lock()
	err := c.enqueue(out)
	if err == nil {
		c.calls[asked.id] = asked
		c.inbox.changed.Broadcast() // read on: the answer may be behind what waits for handlers
	}
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case got := <-asked.settled:
		return got.in, got.err
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		c.settle(asked.id, answer{})
		c.forget(out)
		return nil, context.Cause(ctx)
	}
}

// forget takes a message out of the queue whose sender has given up. The caller holds mu.
func (c *Client) forget(out *outgoing) {
	c.queue = slices.DeleteFunc(c.queue, func(o *outgoing) bool { return o == out })
}

// take returns the first message of the queue, to be sent over the link: nil if there is none, or if the link is not the
// current one.
func (c *Client) take(l *link) *outgoing {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != l {
		c.wakeWriter() // of the one that is
		return nil
	}
	if len(c.queue) == 0 {
		c.queue = nil
		return nil
	}
	out := c.queue[0]
	c.queue[0] = nil
	c.queue = c.queue[1:]
	if out.call != nil {
		out.call.link = l
		l.calls++
	}
	return out
}

// settle gives a call its answer. It reports whether there was such a call. The caller holds mu.
func (c *Client) settle(id string, a answer) bool {
	asked := c.calls[id]
	if asked == nil {
		return false
	}
	delete(c.calls, id)
	asked.settled <- a
	if l := asked.link; l != nil {
		l.calls--
		l.letGo()
	}
	return true
}

// disconnected settles what a lost connection was to carry; l is nil if there was none. The caller holds mu.
func (c *Client) disconnected(l *link, why error) {
	if l != nil {
		c.settleSent(l, fmt.Errorf("%w: %w", ErrDisconnected, why))
	}
	c.keepUnsent(c.options.Queue, fmt.Errorf("%w: %w", ErrNotConnected, why))
}

// settleSent lets calls fail that were sent over a connection, nil for any. The caller holds mu.
func (c *Client) settleSent(l *link, lost error) {
	for id, asked := range c.calls {
		if asked.link != nil && (l == nil || asked.link == l) {
			c.settle(id, answer{err: lost})
		}
	}
}

// keepUnsent lets messages fail that were not sent and for which the queue has no room. The caller holds mu.
func (c *Client) keepUnsent(room int, unsent error) {
	kept := c.queue[:min(room, len(c.queue))]
	for _, out := range kept {
		if out.call == nil {
			out.finish(nil)
		}
	}
	for _, out := range c.queue[len(kept):] {
		if out.call != nil {
			c.settle(out.call.id, answer{err: unsent})
		} else {
			out.finish(unsent)
		}
	}
	c.queue = slices.Clone(kept)
}

// finish tells the sender of an event, if it waits, what has become of it.
func (o *outgoing) finish(err error) {
	if o.done == nil {
		return
	}
	select {
	case o.done <- err:
	default: // it was told when the message was kept in the queue
	}
}
