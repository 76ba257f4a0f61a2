package client

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/guard"
)

// arrival is what a handler is called for: one of its fields.
type arrival struct {
	state   *State
	event   *envelope.Inbound
	message *wsgate.Message
	err     error

	handled func() // is called afterwards, if not nil
	size    int    // of the message
}

// inbox is what waits for handlers. Client.mu guards it.
type inbox struct {
	changed  sync.Cond
	arrivals []arrival
	bytes    int
	finished bool // nothing will be added
}

func (i *inbox) add(a arrival) {
	i.arrivals = append(i.arrivals, a)
	i.bytes += a.size
	i.changed.Broadcast()
}

func (i *inbox) finish() {
	i.finished = true
	i.changed.Broadcast()
}

var errBehind = errors.New("too many messages wait for the client's handlers, which wait for answers")

// deliver queues a message for its handler. While too many wait it waits too, unless a call waits for its answer, which
// may be behind them.
func (c *Client) deliver(l *link, a arrival) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer l.stalled.Store(false)
	for len(c.inbox.arrivals) >= c.options.Inbox && len(c.calls) == 0 {
		if c.ctx.Err() != nil || c.inbox.finished {
			return ErrClosed
		}
		l.stalled.Store(true)
		c.inbox.changed.Wait()
	}
	if c.inbox.bytes+a.size > maxInboxBytes && len(c.inbox.arrivals) >= c.options.Inbox {
		return errBehind
	}
	c.inbox.add(a)
	return nil
}

// next waits for the next arrival and takes it. After Close it returns only what concerns the state.
func (c *Client) next() (a arrival, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for len(c.inbox.arrivals) == 0 {
			if c.inbox.finished {
				return a, false
			}
			c.inbox.changed.Wait()
		}
		a = c.inbox.arrivals[0]
		c.inbox.arrivals[0] = arrival{}
		c.inbox.arrivals = c.inbox.arrivals[1:]
		c.inbox.bytes -= a.size
		c.inbox.changed.Broadcast()
		if c.ctx.Err() == nil || a.state != nil {
			return a, true
		}
	}
}

// handle calls handlers, one at a time, until the client has ended.
func (c *Client) handle() {
	ended := false
	defer func() {
		if ended {
			close(c.handled)
		} else {
			go c.handle() // the handler called runtime.Goexit
		}
	}()
	for {
		a, ok := c.next()
		if !ok {
			ended = true
			return
		}
		if err := c.safely(func() error { return c.dispatch(a) }); err != nil {
			c.report(err)
		}
	}
}

// dispatch calls the handler of an arrival.
func (c *Client) dispatch(a arrival) error {
	if a.handled != nil {
		defer a.handled()
	}
	switch o := &c.options; {
	case a.state != nil:
		if o.OnState != nil {
			o.OnState(c.ctx, *a.state)
		}
		return nil
	case a.err != nil:
		return a.err
	case a.message != nil && a.message.Type == websocket.MessageText:
		o.OnText(c.ctx, string(a.message.Data))
		return nil
	case a.message != nil:
		if o.OnBinary == nil {
			return errors.New("client: the server sent a binary message, and there is no OnBinary")
		}
		o.OnBinary(c.ctx, a.message.Data)
		return nil
	case a.event.IsError():
		return c.failure(a.event)
	}
	c.mu.Lock()
	handle := c.handlers[string(a.event.Type)]
	c.mu.Unlock()
	if handle == nil {
		return fmt.Errorf("client: event %q has no handler", a.event.Type)
	}
	return handle(c.ctx, a.event)
}

// report tells the program about an error that nothing returns.
func (c *Client) report(err error) {
	if c.options.OnError != nil {
		_ = c.safely(func() error { c.options.OnError(c.ctx, err); return nil }) // a panic is logged
		return
	}
	if _, panicked := errors.AsType[*wsgate.PanicError](err); !panicked {
		c.log(slog.LevelWarn, "client: error", "err", err)
	}
}

// safely calls the user's code. It logs a panic, and returns it as a [*wsgate.PanicError].
func (c *Client) safely(f func() error) error {
	err := guard.Call(f)
	if p, ok := err.(*guard.Panic); ok {
		c.log(slog.LevelError, "client: a handler panicked", "err", p, "stack", string(p.Stack))
		return &wsgate.PanicError{Value: p.Value, Stack: p.Stack}
	}
	return err
}

// log logs. The slog handler and the error's methods are the user's code.
func (c *Client) log(level slog.Level, msg string, args ...any) {
	_ = guard.Call(func() error { c.options.Logger.Log(c.ctx, level, msg, args...); return nil })
}
