package wsgate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/text"
)

// refresh calls OnRefresh and replaces the data. It is the innermost handler of a HookRefresh.
func (rt *route) refresh(ctx context.Context, to AnyConn) error {
	c := to.base()
	data, err := rt.hooks.refresh(ctx, to, c.expiry.token)
	if err != nil {
		return errorWithoutToken(err, c.expiry.token)
	}
	if rt.hasUsers {
		user, err := userOf(data)
		if err != nil {
			return err
		}
		if user != c.member.UserID() {
			c.t.Close(StatusExpired, "session of another user", errOtherUser)
			return errOtherUser
		}
	}
	end := endOf(data)
	rt.hooks.replace(to, data)
	c.expiry.renewed(end)
	return nil
}

var errOtherUser = fmt.Errorf("%w: OnRefresh returned the data of another user", ErrExpired)

// refreshUnasked asks OnRefresh without a token.
func (c *conn) refreshUnasked() {
	if !c.opened || c.t.Context().Err() != nil {
		return
	}
	before, forced := c.expiry.begin()
	in := Inbound{Hook: HookRefresh}
	err := c.call(c.t.Context(), in)
	c.guarded(in, func() { c.settleRefresh(in, before, forced, err) })
	*c.exchange = exchange{}
}

// refreshSoon has OnRefresh asked now, or within Limits.Refresh if it is asked for all connections.
func (c *conn) refreshSoon(all bool) {
	if c.expiry == nil {
		return
	}
	at := time.Now()
	if all {
		at = at.Add(rand.N(c.route.limits.Refresh))
	}
	c.expiry.force(at)
}

// begin returns the end of the session before OnRefresh is asked, and whether Hub.Refresh has it asked.
func (e *expiry) begin() (end time.Time, forced bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	forced, e.forced = e.forced, false
	return e.end, forced
}

// settleRefresh acts on the result of an OnRefresh that was asked without a token.
func (c *conn) settleRefresh(in Inbound, before time.Time, forced bool, err error) {
	own, known := asClientError(err)
	_, closes := asCloseError(err)
	var p *PanicError
	switch {
	case c.t.Context().Err() != nil:
	case err == nil:
		if c.expiry.lacks(before, forced) {
			c.askClient()
		}
	case closes || errors.As(err, &p):
		c.respond(in, err)
	case known && own.Code == Unauthenticated:
		c.expiry.denied(forced)
		c.askClient()
	case known && !own.Code.temporary() && own.Code != Internal:
		c.Close(own.Code.closeStatus(), own.Message)
	default:
		if !known {
			c.logHandler(in, err)
		}
		c.expiry.again(forced)
	}
}

// lacks reports whether the client has to be asked although OnRefresh has returned data: it was asked since the session
// ends soon, and that is still so.
func (e *expiry) lacks(before time.Time, forced bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end.IsZero() || forced && time.Until(e.end) > 0 || e.end.After(before) {
		return false
	}
	e.postpone(time.Now())
	return true
}

// denied is called when the server does not know that the session goes on. If that came by Hub.Refresh, it ends now.
func (e *expiry) denied(forced bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if forced && (e.end.IsZero() || e.end.After(now)) {
		e.end = now
	}
	e.postpone(now)
}

// again is called when OnRefresh could not tell.
func (e *expiry) again(forced bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.postpone(time.Now())
	e.forced = e.forced || forced
}

// left returns how long the session still has.
func (e *expiry) left() envelope.TimeLeft {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end.IsZero() {
		return envelope.TimeLeft{}
	}
	in := int64(max(0, time.Until(e.end)) / time.Second)
	return envelope.TimeLeft{In: &in}
}

// askClient asks the client for a token, if it speaks the protocol.
func (c *conn) askClient() {
	if !c.route.speaksJSON() {
		return
	}
	if err := c.sendControl(envelope.Expiring, c.expiry.left()); err != nil && !c.isClosed(err) {
		c.logHandler(Inbound{Hook: HookRefresh}, err)
	}
}

// refreshAsked handles a client's refresh, and answers it.
func (c *conn) refreshAsked() {
	in := Inbound{Hook: HookRefresh}
	var t envelope.Token
	p := payload{conn: c, binding: c.route.token, in: c.exchange.inbound}
	err := p.decode(c.t.Context(), &t)
	if err == nil && t.Token == "" {
		err = Errorf(Invalid, "token is missing")
	}
	if err == nil {
		c.expiry.token = t.Token
		c.activity.Store(&c.route.refreshing)
		err = c.call(c.t.Context(), in)
		c.expiry.token = ""
	}
	if err == nil && c.exchange.inbound.ID != nil {
		err = c.answerControl(c.expiry.left())
	}
	if err != nil {
		c.handled(in, err)
		return
	}
	c.malformedCount = 0
	*c.exchange = exchange{}
}

// errorWithoutToken returns the error, or one without the token that its text contains, since errors are logged.
func errorWithoutToken(err error, token string) error {
	clean, had := text.Without(err.Error(), token)
	if !had {
		return err
	}
	var own *Error
	if ce, ok := asCloseError(err); ok {
		ce.Reason, _ = text.Without(ce.Reason, token)
		return ce
	} else if errors.As(err, &own) {
		message, _ := text.Without(own.Message, token)
		return &Error{Code: own.Code, Message: message}
	}
	return errors.New(clean)
}

// withoutToken takes the token out of the value of a panic.
func withoutToken(p *PanicError, token string) {
	if token == "" {
		return
	}
	_ = safely(func() error { // the value may have methods
		if clean, had := text.Without(fmt.Sprint(p.Value), token); had {
			p.Value = clean
		}
		return nil
	})
}
