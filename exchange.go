package wsgate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/guard"
	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/text"
)

// exchange is a message being handled, and its result. A Handler returns only an error, so the rest of the result is
// kept here. It is zero while no message is handled.
type exchange struct {
	inbound   envelope.Inbound // the event; for other messages only the id is set
	binding   *binding         // its handler; nil if there is none
	answer    any              // the handler's answer
	ctx       context.Context  // the context that middleware passed to the hook; nil before that
	panicked  *PanicError      // the hook's panic, until call returns
	malformed bool             // it was refused as not an envelope
	tooSoon   bool             // it was refused because of a limit of the rate
	code      Code             // of the error that it came to, as it is counted; "" for success
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

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
	if err != nil || c.hasAnswer(in) {
		c.guarded(in, func() { c.respond(in, err) })
	}
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
	if c.mayTell() {
		c.sendError(own)
	}
}

// codeClosed is the code in [RouteStats].Events of a message whose handler saw the connection end.
const codeClosed Code = "closed"

// hasAnswer reports whether a success is answered.
func (c *conn) hasAnswer(in Inbound) bool {
	return in.Hook == HookEvent && c.exchange.inbound.ID != nil
}

// reply answers an event that was sent with an id.
func (c *conn) reply(in Inbound) {
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
	body, err := envelope.NewBody(c.exchange.answer)
	if err != nil {
		return nil, err
	}
	defer body.Free()
	return c.route.names.Encode(event, c.exchange.inbound.ID, c.exchange.binding.answerShape, body.JSON())
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
