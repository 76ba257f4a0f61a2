package wsgate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/transport"
)

// decision is the result of OnUpgrade and ConnContext for a request.
type decision struct {
	data   any
	user   string          // "" for no user
	end    time.Time       // of the session; zero for never
	values context.Context // parent of the connection's context
	err    error
	late   bool // the time limit was exceeded
}

// decide calls OnUpgrade and ConnContext on a new goroutine, as http.TimeoutHandler does, so that a hook that ignores
// its context cannot delay the response. The goroutine belongs to deciding. It uses the request, which must not be used
// after the HTTP handler has returned, so the handler waits for deciding.
func (rt *route) decide(r *http.Request, deadline time.Time, deciding *sync.WaitGroup) (decision, *transport.Refusal) {
	if rt.hooks.upgrade == nil && rt.app.connContext == nil {
		return decision{values: rt.app.values}, nil
	}
	ctx, cancel := context.WithDeadline(r.Context(), deadline)
	defer cancel()
	done := make(chan decision, 1)
	deciding.Go(func() {
		d := decision{err: errGoexit}
		defer func() { done <- d }()
		d.err = safely(func() error { return rt.ask(r.WithContext(ctx), &d) })
	})
	select {
	case d := <-done:
		if d.err != nil {
			return decision{}, rt.refusal(r, d.err)
		}
		return d, nil
	case <-ctx.Done():
		if context.Cause(ctx) == context.DeadlineExceeded && r.Context().Err() == nil {
			rt.app.logLimited(r.Context(), slog.LevelWarn, "wsgate: a handler does not return", nil, "hook", "upgrade", "path", rt.path)
		}
		return decision{late: true}, unavailable("the upgrade took too long")
	}
}

// ask calls OnUpgrade, UserID, ExpiresAt and ConnContext.
func (rt *route) ask(r *http.Request, d *decision) (err error) {
	if rt.hooks.upgrade != nil {
		if d.data, err = rt.hooks.upgrade(r); err != nil {
			return err
		}
	}
	if rt.hasUsers {
		if d.user, err = userOf(d.data); err != nil {
			return err
		}
	}
	if rt.expires {
		if d.end = endOf(d.data); !d.end.IsZero() && !d.end.After(time.Now()) {
			return Errorf(Unauthenticated, "the session has ended")
		}
	}
	d.values, err = rt.app.valuesOf(r)
	return err
}

// borrowedKey is the context key that marks the context passed to ConnContext.
type borrowedKey struct{}

// valuesOf returns the context whose values the connection keeps.
func (a *App) valuesOf(r *http.Request) (context.Context, error) {
	if a.connContext == nil {
		return a.values, nil
	}
	values := a.connContext(r.WithContext(context.WithValue(r.Context(), borrowedKey{}, true)))
	switch {
	case values == nil:
		return nil, errors.New("Options.ConnContext returned nil; return context.Background() if there is nothing to keep")
	case values.Value(borrowedKey{}) != nil:
		return nil, errors.New("Options.ConnContext returned a context that is derived from the request's, whose values are not valid for longer; " +
			"copy those you need into one that is derived from context.Background()")
	}
	return context.WithValue(context.WithoutCancel(values), appKey{}, a), nil
}

// refusal turns OnUpgrade's error into an HTTP response.
func (rt *route) refusal(r *http.Request, err error) *transport.Refusal {
	late := false
	_ = safely(func() error { late = r.Context().Err() == nil && errors.Is(err, context.DeadlineExceeded); return nil })
	if late {
		return unavailable("the upgrade took too long")
	}
	return httpAnswer(r, err, func(err error) { rt.app.logError(r.Context(), "wsgate: upgrade failed", err, "path", rt.path) })
}

// logRefused logs an upgrade that was refused: at debug level, and once where the server is the cause.
func (rt *route) logRefused(r *http.Request, err error) {
	a := rt.app
	if refusal, ok := err.(*transport.Refusal); ok && refusal.Cause != nil {
		if wrong := adviceFor(refusal.Cause); a.isNewMistake(wrong.What) {
			a.logError(r.Context(), "wsgate: upgrades cannot succeed", wrong, "path", rt.path)
		}
	}
	a.log.DebugContext(r.Context(), "wsgate: upgrade refused", "path", rt.path, "remote", r.RemoteAddr, "err", err)
}

// adviceFor says what is wrong with a server, and what to do. What is the same each time.
func adviceFor(cause error) *mistake.Mistake {
	writer, ok := cause.(*transport.NotHijackable)
	if !ok { // transport.ErrExtendedConnect
		return &mistake.Mistake{
			What: "a client wants to open a WebSocket over HTTP/2",
			Have: "a server that offers it by the setting ENABLE_CONNECT_PROTOCOL of RFC 8441",
			Want: "one that does not, so that clients use HTTP/1.1",
			Fix:  "remove http2xconnect=1 from GODEBUG",
		}
	}
	wrong := &mistake.Mistake{
		What: fmt.Sprintf("a ResponseWriter of type %s cannot be hijacked, as every upgrade needs it", writer.Writer),
		Want: "a method Unwrap() http.ResponseWriter that returns the one it is around, or a Hijack",
		Fix:  "give it one; if it is not yours, leave upgrades out of the HTTP middleware that it is from",
	}
	if writer.Err != nil {
		wrong.Have = fmt.Sprintf("an error from its Hijack: %v", writer.Err)
	}
	return wrong
}
