package wsgate

import (
	"context"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/stack"
	"github.com/wsgate/wsgate/internal/transport"
)

// run opens a connection and reads, on the connection's own goroutine.
func (c *conn) run(deadline time.Time) {
	stack.Grow4K() // what most connections need
	replaced := !c.member.Open(c.t)
	c.exchange = exchanges.Get().(*exchange)
	parked := false
	defer func() { c.leave(parked) }()
	switch {
	case replaced:
	case c.route.app.draining.Load():
		c.shutdown()
	default:
		c.open(deadline)
	}
	parked = c.read()
}

// resume reads on when a parked connection has input or has ended.
func (c *conn) resume() {
	stack.Grow4K() // as in run
	parked := false
	defer func() { c.leave(parked) }()
	parked = c.read()
}

// read handles messages until the connection is parked or has ended. It reports true if it is parked; another goroutine
// may have it already.
func (c *conn) read() (parked bool) {
	for {
		typ, data, wait, err := c.t.Read()
		if err == transport.ErrParked {
			return true
		}
		if c.exchange == nil {
			c.exchange = exchanges.Get().(*exchange)
		}
		if err != nil {
			c.cause, c.ended = c.t.End(err), true
			return false
		}
		c.runHook(&c.route.receiving, func() {
			if wait > 0 {
				c.tooFast(Message{typ, data}, wait)
			} else {
				c.inTime()
				c.receive(Message{typ, data})
			}
		})
	}
}

// leave is deferred by the connection's goroutine, so that it is called after runtime.Goexit in a hook, too. It finishes
// the connection, unless that is parked.
func (c *conn) leave(parked bool) {
	if parked {
		return
	}
	defer c.route.app.end()
	c.finish()
}

// finish calls OnClose and removes the connection from its rooms and the hub.
func (c *conn) finish() {
	if !c.ended { // a hook called runtime.Goexit, so the reader is gone
		c.t.Close(websocket.StatusInternalError, "internal error", errGoexit)
		c.cause = c.t.End(errGoexit)
		c.route.app.logError(c.t.Context(), "wsgate: connection", errGoexit, "conn", c.ID(), "path", c.route.path)
	}
	c.countEnd()
	defer c.member.Remove()
	defer c.member.LeaveAll()
	if c.expiry != nil {
		c.expiry.stop()
	}
	if !c.opened || !c.route.hears(c.route.hooks.close != nil) {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.t.Context()))
	defer cancel()
	defer context.AfterFunc(c.route.app.cut, cancel)()
	c.activity.Store(&c.route.closing)
	defer time.AfterFunc(c.route.limits.Handler, (*reader)(c).HandlerIsSlow).Stop()
	if err := c.call(ctx, Inbound{Hook: HookClose, Err: c.cause}); err != nil {
		c.route.app.logError(c.logContext(ctx), "wsgate: OnClose failed", err, "conn", c.ID(), "path", c.route.path)
	}
}

// runHook runs a hook that a shutdown waits for.
func (c *conn) runHook(doing *activity, f func()) {
	if c.expiry != nil {
		c.expiry.takeTurn()
		defer c.expiry.endTurn()
	}
	c.activity.Store(doing)
	if !c.leaving.Load() {
		f()
	}
	c.activity.Store(nil)
	if c.leaving.Load() {
		c.shutdown()
	}
}

const shuttingDown = "server shutting down"

// shutdown cancels the context and, unless a hook is running, closes the connection. runHook calls it again after the
// hook.
func (c *conn) shutdown() {
	c.leaving.Store(true)
	c.t.Cancel(ErrShutdown)
	if c.activity.Load() == nil {
		c.t.Close(websocket.StatusServiceRestart, shuttingDown, ErrShutdown)
	}
}

// call runs the middleware and the hook, and turns a panic into an error. A panic of the hook is the result even if
// middleware returns something else.
func (c *conn) call(ctx context.Context, in Inbound) error {
	err := safely(func() error { return c.route.handle(ctx, c.self, in) })
	if p := c.exchange.panicked; p != nil {
		c.exchange.panicked = nil
		return p
	}
	return err
}

// open runs OnOpen.
func (c *conn) open(deadline time.Time) {
	if !c.route.hears(c.route.hooks.open != nil) {
		c.runHook(&c.route.opening, c.stay)
		return
	}
	late := time.AfterFunc(time.Until(deadline), func() {
		c.t.Close(websocket.StatusTryAgainLater, "opening took too long", ErrLimit)
	})
	defer late.Stop()
	c.runHook(&c.route.opening, func() {
		err := c.call(c.t.Context(), Inbound{Hook: HookOpen})
		if err == nil {
			c.stay()
			return
		}
		c.refused = true
		c.guarded(Inbound{Hook: HookOpen}, func() { c.refuse(err) })
		*c.exchange = exchange{}
	})
}

// stay is called when OnOpen has accepted the connection.
func (c *conn) stay() {
	c.opened = true
	c.member.Stay()
	if c.expiry != nil {
		c.expiry.start()
	}
}

// hears reports whether a hook is called at all: the gateway's or middleware. For most gateways it is not, and the timers
// and contexts around it are a part of what a short connection costs.
func (rt *route) hears(hook bool) bool { return hook || rt.wrapped }

// refuse closes a connection whose OnOpen failed.
func (c *conn) refuse(err error) {
	if ce, ok := asCloseError(err); ok {
		c.t.Close(ce.Code, ce.Reason, err)
		return
	}
	if own, ok := asClientError(err); ok {
		c.t.Close(own.Code.closeStatus(), own.Message, err)
		return
	}
	if !c.isClosed(err) {
		c.route.app.logError(c.logContext(c.t.Context()), "wsgate: OnOpen failed", err, "conn", c.ID(), "path", c.route.path)
	}
	c.t.Close(websocket.StatusInternalError, "internal error", err)
}
