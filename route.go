package wsgate

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/transport"
)

// route is a Route at work: one gateway and its connections.
type route struct {
	app    *App
	path   string
	limits Limits
	names  envelope.Names
	accept transport.AcceptOptions // all but Admit
	hooks  hooks
	data   reflect.Type        // D
	events map[string]*binding // nil without Events
	handle Handler             // the middleware around the hooks

	opening, receiving, closing activity // what connections do but handle an event

	hasUsers bool // the data has a UserID method

	all   members
	rooms rooms
	users rooms

	presence *tracker // nil without Track

	sent sync.Map // reflect.Type of a payload -> inspect.Shape
}

// ServeHTTP upgrades the request and gives the connection a goroutine of its own, so that nothing of the request and of
// net/http's memory stays for the connection's life.
func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := rt.app
	if !a.lifecycle.ready() {
		if a.warned.CompareAndSwap(false, true) {
			a.log.Error("wsgate: a request came before App.Start had run the OnStart functions")
		}
		unavailable("not started").Write(w)
		return
	}
	ok, why := a.begin()
	if !ok {
		unavailable(why).Write(w)
		return
	}
	c := &conn{route: rt, id: newConnID()}
	started := false
	defer func() {
		if !started { // also after a panic in a ResponseWriter
			c.exit()
			a.end()
		}
	}()
	deadline := time.Now().Add(rt.limits.Handshake)
	var data any
	accept := rt.accept
	accept.Values, accept.Owner = a.valuesOf(r), (*slowHandler)(c)
	accept.Admit = func() (refusal *transport.Refusal) {
		if data, c.user, refusal = rt.admit(r, deadline); refusal != nil {
			return refusal
		}
		return c.enter(r.Context(), deadline)
	}
	t, err := transport.Accept(w, r, &accept)
	if err != nil {
		a.log.DebugContext(r.Context(), "wsgate: upgrade refused", "path", rt.path, "remote", r.RemoteAddr, "err", err)
		return
	}
	c.t = t
	rt.hooks.attach(c, data)
	started = true
	go c.run(deadline) // App.active waits for it
}

// valuesOf returns what the request hands over to its connection.
func (a *App) valuesOf(r *http.Request) context.Context {
	if _, plain := r.Context().(plainContext); plain {
		return a.values
	}
	return context.WithValue(context.WithoutCancel(r.Context()), appKey{}, a)
}

// retryAfter returns a number of seconds from 1 to 10 at random: who was refused together shall not come back together.
func retryAfter() string { return strconv.Itoa(1 + rand.IntN(10)) }

func unavailable(why string) *transport.Refusal {
	return &transport.Refusal{Status: http.StatusServiceUnavailable, Message: why, RetryAfter: retryAfter()}
}

// admit calls OnUpgrade on a goroutine of its own, as net/http's TimeoutHandler does: one that ignores the end of its
// context cannot hold up the answer. App.active waits for it. It returns the connection's data and user.
func (rt *route) admit(r *http.Request, deadline time.Time) (data any, user *owner, refusal *transport.Refusal) {
	if rt.hooks.upgrade == nil {
		return nil, nil, nil
	}
	ctx, cancel := context.WithDeadline(r.Context(), deadline)
	defer cancel()
	type result struct {
		data any
		user *owner
		err  error
	}
	done := make(chan result, 1)
	rt.app.hold()
	go func() {
		defer rt.app.release()
		res := result{err: errGoexit}
		defer func() { done <- res }()
		res.err = guard(func() (err error) {
			if res.data, err = rt.hooks.upgrade(r.WithContext(ctx)); err != nil || !rt.hasUsers {
				return err
			}
			res.user, err = ownerOf(res.data)
			return err
		})
	}()
	select {
	case res := <-done:
		if res.err != nil {
			return nil, nil, rt.safeRefusal(r, res.err)
		}
		return res.data, res.user, nil
	case <-ctx.Done():
		if context.Cause(ctx) == context.DeadlineExceeded && r.Context().Err() == nil {
			rt.app.logLimited(r.Context(), slog.LevelWarn, "wsgate: a handler does not return", nil, "hook", "upgrade", "path", rt.path)
		}
		return nil, nil, unavailable("the upgrade took too long")
	}
}

// safeRefusal is refusal for errors whose own methods may panic.
func (rt *route) safeRefusal(r *http.Request, err error) (refusal *transport.Refusal) {
	panicked := guard(func() error { refusal = rt.refusal(r, err); return nil })
	if panicked != nil {
		rt.app.logError(r.Context(), "wsgate: OnUpgrade failed", panicked, "path", rt.path)
		return &transport.Refusal{Status: http.StatusInternalServerError, Message: "internal error"}
	}
	return refusal
}

// refusal turns OnUpgrade's error into an HTTP answer.
func (rt *route) refusal(r *http.Request, err error) *transport.Refusal {
	if r.Context().Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return unavailable("the upgrade took too long")
	}
	own, ok := asClientError(err)
	if !ok {
		rt.app.logError(r.Context(), "wsgate: OnUpgrade failed", err, "path", rt.path)
	}
	refusal := &transport.Refusal{Status: own.Code.httpStatus(), Message: own.Message}
	if own.Code.passes() {
		refusal.RetryAfter = retryAfter()
	}
	return refusal
}
