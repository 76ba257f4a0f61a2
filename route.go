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
	"sync/atomic"
	"time"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/hub"
	"github.com/wsgate/wsgate/internal/transport"
)

// route is a Route of an App: one gateway and its connections.
type route struct {
	app        *App
	path       string
	limits     Limits
	names      envelope.Names
	accept     transport.AcceptOptions // without Admit
	hooks      hooks
	data       reflect.Type        // D
	events     map[string]*binding // nil without Events
	eventRates int                 // how many events have an AtMost
	handle     Handler             // the hooks, wrapped in middleware
	wrapped    bool                // there is middleware

	upgrades counts[int] // by status
	closed   counts[ending]
	results  results

	opening, receiving, refreshing, closing activity // activities other than events

	reached atomic.Bool // by an upgrade, see isFirst

	hasUsers bool     // the data has a UserID method
	expires  bool     // the data has an ExpiresAt method
	token    *binding // of a client's refresh; nil without OnRefresh

	members *hub.Route
	tracks  *tracked // nil without Track

	sends map[string]sentEvent // Route.Sends by name; nil for anything
	sent  sync.Map             // without sends: reflect.Type of a payload -> inspect.Shape
}

// ServeHTTP upgrades the request and runs the connection on a new goroutine, so that the request and net/http's memory
// are released.
func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := rt.app
	if !a.lifecycle.ready() {
		if a.warned.CompareAndSwap(false, true) {
			a.log.Error("wsgate: a request came before App.Start had run the OnStart functions")
		}
		rt.answer(unavailable("not started"), w, r)
		return
	}
	ok, why := a.begin()
	if !ok {
		rt.answer(unavailable(why), w, r)
		return
	}
	c := &conn{route: rt}
	id := newConnID()
	c.shard = id[0] ^ id[1]<<3 ^ id[2]>>2 // random
	c.member.Init(rt.members, id, c)
	var deciding sync.WaitGroup
	started := false
	defer func() {
		if !started { // including after a panic in a ResponseWriter
			c.member.Release()
			a.giveBack()
			deciding.Wait() // the request must not be used after ServeHTTP returns
			a.release()
		}
	}()
	deadline := time.Now().Add(rt.limits.Handshake)
	var decided decision
	accept := rt.accept
	accept.Owner = (*reader)(c)
	accept.Admit = func() (values context.Context, refusal *transport.Refusal) {
		if refusal = a.origins.refuse(r); refusal != nil {
			return nil, refusal
		}
		if decided, refusal = rt.decide(r, deadline, &deciding); refusal != nil {
			return nil, refusal
		}
		return decided.values, rt.reserve(r.Context(), c, decided.user, deadline)
	}
	t, err := transport.Accept(w, r, &accept)
	if err != nil {
		if decided.late {
			_ = http.NewResponseController(w).Flush() // send the response before waiting for OnUpgrade
		}
		rt.countRefused(err)
		rt.logRefused(r, err)
		return
	}
	rt.upgrades.add(http.StatusSwitchingProtocols, 0)
	c.t = t
	rt.hooks.attach(c, decided.data)
	if rt.hooks.refresh != nil || !decided.end.IsZero() {
		c.expiry = newExpiry(c, decided.end)
	}
	started = true
	go c.run(deadline) // App.active waits for it
}

// answer answers a request that is not upgraded.
func (rt *route) answer(refusal *transport.Refusal, w http.ResponseWriter, r *http.Request) {
	refusal.Write(w, r)
	rt.countRefused(refusal)
}

// statusGone is the status of an upgrade whose client has gone away before it was answered. Nobody gets it.
const statusGone = 499

// countRefused counts an upgrade that was refused.
func (rt *route) countRefused(err error) {
	status := statusGone
	if refusal, ok := err.(*transport.Refusal); ok {
		status = refusal.Status
	}
	rt.upgrades.add(status, 0)
}

// reserve reserves an entry in the hub before the connection exists.
func (rt *route) reserve(ctx context.Context, c *conn, userID string, deadline time.Time) *transport.Refusal {
	err := c.member.Reserve(ctx, deadline, userID)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, hub.ErrTooMany):
		return &transport.Refusal{Status: http.StatusTooManyRequests, Message: "too many connections of this user", RetryAfter: retryAfter()}
	}
	rt.app.members.Callback(func() {
		rt.app.logLimited(context.Background(), slog.LevelWarn, "wsgate: upgrade refused", err, "path", rt.path)
	})
	return unavailable("the broker does not answer")
}

// retryAfter returns a number of seconds from 1 to 10 at random: who was refused together shall not come back together.
func retryAfter() string { return strconv.Itoa(1 + rand.IntN(10)) }

func unavailable(why string) *transport.Refusal {
	return &transport.Refusal{Status: http.StatusServiceUnavailable, Message: why, RetryAfter: retryAfter()}
}
