package wsgate

import (
	"fmt"
	"math"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/rate"
)

// overrun is what a connection needs to know of a client that was too fast, or that has sent an event with a limit of its
// own. Other connections have none.
type overrun struct {
	since  time.Time     // when the first was refused of all messages since the last that was in time; zero if that was the last
	told   time.Time     // when a message without an id was last answered that it came too soon
	events []rate.Bucket // of the route's events with a limit, by eventRate.index
}

const (
	tooFastTime = 10 * time.Second // after which a client that is only ever too fast is disconnected
	tellTooFast = time.Second      // between answers to messages without an id
)

// tooSoon is the details of an error with code [RateLimited] that this package makes.
type tooSoon struct {
	RetryAfter int64 `json:"retryAfterMs"`
}

// errTooSoon returns an error for a client that has to wait.
func errTooSoon(message string, wait time.Duration) *Error {
	return &Error{Code: RateLimited, Message: message, Details: tooSoon{int64(math.Ceil(float64(wait) / float64(time.Millisecond)))}}
}

// overruns returns c.overrun, and makes it first if need be.
func (c *conn) overruns() *overrun {
	if c.overrun == nil {
		c.overrun = &overrun{events: make([]rate.Bucket, c.route.eventRates)}
	}
	return c.overrun
}

// inTime records that a message was within the client's rate.
func (c *conn) inTime() {
	if c.overrun != nil {
		c.overrun.since = time.Time{}
	}
}

// tooFast refuses a message that came too soon.
func (c *conn) tooFast(m Message, wait time.Duration) {
	p, now := c.overruns(), time.Now()
	if p.since.IsZero() {
		p.since = now
	}
	if now.Sub(p.since) >= tooFastTime {
		c.t.Close(websocket.StatusPolicyViolation, "too many messages", ErrLimit)
		return
	}
	if c.route.speaksJSON() && m.Type == websocket.MessageText {
		_ = c.route.names.Parse(m.Data, &c.exchange.inbound)
		c.exchange.inbound = envelope.Inbound{ID: c.exchange.inbound.ID}
	}
	c.exchange.tooSoon = true
	c.respond(Inbound{Hook: HookMessage}, errTooSoon("too many messages", wait))
	c.countResult()
	*c.exchange = exchange{}
}

// mayTell reports whether the client is to be told of the error that this message has caused. It is not told of one that came
// too soon if it has not asked for an answer and was told of another just before: errors must not be more than what they are
// about. If it reports true, the client counts as told.
func (c *conn) mayTell() bool {
	if !c.exchange.tooSoon || c.exchange.inbound.ID != nil {
		return true
	}
	p, now := c.overruns(), time.Now()
	if !p.told.IsZero() && now.Sub(p.told) < tellTooFast {
		return false
	}
	p.told = now
	return true
}

// eventRate is the limit of one event, see [Binding.AtMost].
type eventRate struct {
	n     int
	per   time.Duration
	limit rate.Limit
	index int // in overrun.events
}

// AtMost returns the binding with a limit: each connection may send the event n times in that time, at once or spread.
// It is for events whose handlers are dear, or whose effects are seen by others:
//
//	wsgate.On(Say, g.say).AtMost(5, time.Second)
//
// An event beyond it is not decoded and not handled. It is answered with an error of code [RateLimited], whose details
// are {"retryAfterMs":n}, the time after which the event is handled again; of those without an id, one in a second is
// answered. Middleware sees the event, and this error as the result of next. The event counts for [Limits].Rate as any
// other.
func (b Binding[D]) AtMost(n int, per time.Duration) Binding[D] {
	b.atMost = &eventRate{n: n, per: per}
	return b
}

// checkAtMost completes a binding's limit, or returns a mistake. what names the binding.
func (rt *route) checkAtMost(b *binding, what string) error {
	r := b.atMost
	switch {
	case r == nil:
		return nil
	case b.tracks:
		return &mistake.Mistake{
			What: what + " is tracked and has an AtMost", Where: b.pos,
			Fix: "remove it: clients do not send this event",
		}
	case r.n < 1 || r.per <= 0:
		return &mistake.Mistake{
			What: fmt.Sprintf("%s has AtMost(%d, %v)", what, r.n, r.per), Where: b.pos,
			Want: "a number and a time above 0, as AtMost(5, time.Second)",
		}
	}
	own := *r // a Binding may be in several tables
	own.limit, own.index = rate.New(r.n, r.per, r.n), rt.eventRates
	rt.eventRates++
	b.atMost = &own
	return nil
}

// checkRate returns an error for an event that comes sooner than its limit allows.
func (c *conn) checkRate(b *binding) error {
	if b.atMost == nil {
		return nil
	}
	wait := c.overruns().events[b.atMost.index].Take(b.atMost.limit, rate.Now())
	if wait == 0 {
		return nil
	}
	c.exchange.tooSoon = true
	return errTooSoon(fmt.Sprintf("%s: at most %d in %v", b.name, b.atMost.n, b.atMost.per), wait)
}
