package wsgate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/guard"
	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/stack"
	"github.com/wsgate/wsgate/internal/text"
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

// resume reads on when a parked connection has input or has ended, on a goroutine of its own.
func (c *conn) resume() {
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

// receive handles one message.
func (c *conn) receive(m Message) {
	in := Inbound{Hook: HookMessage, Message: m}
	if c.route.speaksJSON() && m.Type == websocket.MessageText {
		err := c.route.names.Parse(m.Data, &c.exchange.inbound)
		// Middleware may change the message, and the answer needs the original id.
		c.exchange.inbound.ID = slices.Clone(c.exchange.inbound.ID)
		if err == nil && c.exchange.inbound.IsControl() {
			c.control()
			return
		}
		if err != nil || c.route.events == nil {
			c.exchange.inbound = envelope.Inbound{ID: c.exchange.inbound.ID}
		} else {
			in.Hook = HookEvent
			if c.exchange.binding = c.route.events[string(c.exchange.inbound.Type)]; c.exchange.binding != nil {
				in.Event = c.exchange.binding.name
				c.activity.Store(&c.exchange.binding.activity)
			} else {
				in.Event = string(c.exchange.inbound.Type)
			}
		}
	}
	err := c.call(c.t.Context(), in)
	c.handled(in, err)
}

// handled acts on the result of a message, and ends its exchange.
func (c *conn) handled(in Inbound, err error) {
	c.guarded(in, func() { c.respond(in, err) })
	c.countResult()
	c.countMalformed()
	*c.exchange = exchange{}
}

// countResult counts what became of a message.
func (c *conn) countResult() {
	event := 0
	if b := c.exchange.binding; b != nil {
		event = b.index
	}
	c.route.results.add(c.shard, event, c.exchange.code)
}

// countMalformed closes a connection after too many malformed messages in a row, once the last is answered.
func (c *conn) countMalformed() {
	if !c.exchange.malformed {
		c.malformedCount = 0
		return
	}
	if c.malformedCount++; int(c.malformedCount) >= c.route.limits.Malformed {
		c.t.Close(websocket.StatusPolicyViolation, "too many malformed messages", ErrLimit)
	}
}

// guarded calls f, which may call user code, such as an answer's MarshalJSON or an error's methods.
func (c *conn) guarded(in Inbound, f func()) {
	if err := safely(func() error { f(); return nil }); err != nil {
		c.exchange.code = Internal
		c.logHandler(in, err)
		c.t.Close(websocket.StatusInternalError, "internal error", err)
	}
}

// respond acts on the result of a hook or handler.
func (c *conn) respond(in Inbound, err error) {
	if err == nil {
		c.reply(in)
		return
	}
	var p *PanicError
	if errors.As(err, &p) {
		c.exchange.code = Internal
		c.logHandler(in, err)
		c.t.Close(websocket.StatusInternalError, "internal error", p)
		return
	}
	if ce, ok := asCloseError(err); ok {
		c.exchange.code = codeClosed
		c.Close(ce.Code, ce.Reason)
		return
	}
	own, ok := asClientError(err)
	c.exchange.code = own.Code
	switch {
	case ok:
	case c.isClosed(err):
		c.exchange.code = codeClosed
	default:
		c.logHandler(in, err)
	}
	if !c.isTold() {
		c.sendError(own)
	}
}

// codeClosed is the code in [RouteStats].Events of a message whose handler saw the connection end.
const codeClosed Code = "closed"

// reply answers an event that was sent with an id.
func (c *conn) reply(in Inbound) {
	if in.Hook != HookEvent || c.exchange.inbound.ID == nil {
		return
	}
	m, err := c.encodeAnswer(in.Event)
	if err == nil {
		err = c.t.Send(m)
	}
	if err != nil && !c.isClosed(err) {
		c.exchange.code = Internal
		c.logHandler(in, fmt.Errorf("the answer: %w", err))
		c.sendError(&Error{Code: Internal, Message: "internal error"})
	}
}

func (c *conn) encodeAnswer(event string) (*frame.Message, error) {
	if c.exchange.binding == nil || c.exchange.binding.answer == nil || c.exchange.answer == nil {
		return c.route.names.Encode(event, c.exchange.inbound.ID, inspect.Value, nil)
	}
	body, err := json.Marshal(c.exchange.answer)
	if err != nil {
		return nil, err
	}
	return c.route.names.Encode(event, c.exchange.inbound.ID, c.exchange.binding.answerShape, body)
}

// sendError answers with an error. If it cannot be encoded or does not fit into the queue, it sends the error without
// details, or code Internal.
func (c *conn) sendError(e *Error) {
	err := c.trySendError(e)
	if err == nil || c.isClosed(err) {
		return
	}
	c.route.app.logError(c.logContext(c.t.Context()), "wsgate: an error could not be sent with its details", err, "conn", c.ID(), "path", c.route.path, "code", string(e.Code))
	if c.trySendError(&Error{Code: e.Code, Message: e.Message}) == nil {
		return
	}
	if err := c.trySendError(&Error{Code: Internal, Message: "internal error"}); err != nil && !c.isClosed(err) {
		c.t.Close(websocket.StatusInternalError, "internal error", err) // rather than leaving the call unanswered
	}
}

func (c *conn) trySendError(e *Error) error {
	m, err := c.route.names.Error(c.exchange.inbound.ID, string(e.Code), e.Message, e.Details)
	if err != nil {
		return err
	}
	return c.t.Send(m)
}

// isClosed reports whether err only means that the connection has ended.
func (c *conn) isClosed(err error) bool {
	return c.t.Context().Err() != nil && (errors.Is(err, ErrClosed) || errors.Is(err, ErrSlowClient) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(c.t.Context())))
}

func (c *conn) logHandler(in Inbound, err error) {
	c.route.app.logError(c.logContext(c.t.Context()), "wsgate: "+in.Hook+" handler failed", err,
		"conn", c.ID(), "path", c.route.path, "event", shortName(in.Event))
}

// logContext returns the context for log lines about a hook: the one that middleware made, or ctx.
func (c *conn) logContext(ctx context.Context) context.Context {
	if c.exchange.ctx != nil {
		return c.exchange.ctx
	}
	return ctx
}

// innermost is the handler inside all middleware. It returns a panic of the hook as an error.
func (rt *route) innermost(ctx context.Context, c AnyConn, in Inbound) (err error) {
	c.base().exchange.ctx = ctx
	defer func() {
		if v := recover(); v != nil {
			p := publicPanic(guard.Recovered(v))
			if in.Hook == HookRefresh {
				withoutToken(p, c.base().expiry.token)
			}
			c.base().exchange.panicked, err = p, p
		}
	}()
	switch in.Hook {
	case HookOpen:
		if rt.hooks.open != nil {
			return rt.hooks.open(ctx, c)
		}
	case HookClose:
		if rt.hooks.close != nil {
			rt.hooks.close(ctx, c, in.Err)
		}
	case HookMessage:
		if rt.events != nil && in.Message.Type == websocket.MessageText {
			return rt.text(ctx, c, in)
		}
		if rt.hooks.message != nil {
			return rt.hooks.message(ctx, c, in.Message)
		}
		return rt.unsupported()
	case HookEvent:
		return rt.event(ctx, c, in)
	case HookRefresh:
		return rt.refresh(ctx, c)
	}
	return nil
}

// shortName truncates a name that is too long for an event, so that errors do not echo long input.
func shortName(name string) string {
	runes := 0
	for i := range name {
		if runes == text.MaxEventName {
			return name[:i] + "…"
		}
		runes++
	}
	return name
}

// speaksJSON reports whether text messages are parsed as envelopes. A gateway that only pushes needs the id to refuse
// them.
func (rt *route) speaksJSON() bool { return rt.events != nil || rt.onlyPushes() }

// onlyPushes reports whether the gateway accepts no messages.
func (rt *route) onlyPushes() bool { return rt.events == nil && rt.hooks.message == nil }

func (rt *route) unsupported() error {
	if rt.onlyPushes() {
		return Errorf(Unsupported, "this gateway takes no messages")
	}
	return Errorf(Unsupported, "this gateway takes no binary messages")
}

// text refuses a text message that is not an envelope, unless middleware has replaced it with one.
func (rt *route) text(ctx context.Context, to AnyConn, in Inbound) error {
	var made envelope.Inbound
	if err := rt.names.Parse(in.Message.Data, &made); err != nil {
		to.base().exchange.malformed = true
		return &Error{Code: Malformed, Message: err.Error()}
	}
	in.Hook, in.Event = HookEvent, string(made.Type)
	return rt.event(ctx, to, in)
}

// event calls the handler of an event.
func (rt *route) event(ctx context.Context, to AnyConn, in Inbound) error {
	c := to.base()
	b := c.exchange.binding
	if b == nil || b.name != in.Event {
		if b = rt.events[in.Event]; b == nil {
			return Errorf(UnknownEvent, "unknown event %q", shortName(in.Event))
		}
		c.exchange.binding = b
	}
	if err := c.checkRate(b); err != nil {
		return err
	}
	p := payload{conn: c, binding: b, in: c.exchange.inbound}
	if !sameBytes(in.Message.Data, p.in.Text) { // middleware has replaced the message
		if err := rt.names.Parse(in.Message.Data, &p.in); err != nil {
			return &Error{Code: Malformed, Message: err.Error()}
		}
	}
	var err error
	c.exchange.answer, err = b.handle(ctx, to, p)
	return err
}

// sameBytes reports whether a and b share their memory.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
