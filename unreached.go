package wsgate

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/wsgate/wsgate/internal/inspect"
)

// HTTP middleware that never calls next for an upgrade looks like a gateway that does not answer. So the first upgrade
// for a gateway that does not get through is logged, unless one got through before: after that it is a refusal.

// passedKey is the key under which the context of such a first upgrade has an *atomic.Int32: how many of Options.HTTP it has
// passed. Middleware may call next on another goroutine.
type passedKey struct{}

// passed is the handler behind the first n of Options.HTTP.
type passed struct {
	n int
	http.Handler
}

func (p passed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if count, ok := r.Context().Value(passedKey{}).(*atomic.Int32); ok {
		count.Store(int32(p.n))
	}
	p.Handler.ServeHTTP(w, r)
}

// wrapHTTP puts Options.HTTP around what the App serves.
func (b *builder) wrapHTTP(h http.Handler) http.Handler {
	places := make([]string, len(b.http))
	for i := len(b.http) - 1; i >= 0; i-- {
		h = wrapAll(b, b.http[i:i+1], http.Handler(passed{i + 1, h}))
		places[i] = b.http[i].label
		if wrap, ok := b.http[i].get(); ok {
			places[i] = fmt.Sprintf("%s (%s)", places[i], inspect.FuncPos(wrap))
		}
	}
	if len(places) == 0 {
		return h
	}
	a := b.app
	a.unreached.Store(int32(len(b.routes)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.unreached.Load() == 0 || !asksToUpgrade(r) {
			h.ServeHTTP(w, r)
			return
		}
		var count atomic.Int32
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), passedKey{}, &count)))
		n := int(count.Load())
		if n == len(places) {
			return
		}
		h, _ := a.mux.Handler(r)
		if rt, ok := h.(*route); ok && rt.isFirst() {
			a.logLimited(r.Context(), slog.LevelWarn, "wsgate: an upgrade did not reach its gateway", nil, "path", rt.path,
				"middleware", places[n], "fix", "unless it is meant to refuse this one, have it call next for upgrades")
		}
	})
}

// isFirst notes that an upgrade has reached the route, or was logged because it did not. It reports whether it is the first
// of either.
func (rt *route) isFirst() bool {
	first := !rt.reached.Load() && rt.reached.CompareAndSwap(false, true)
	if first {
		rt.app.unreached.Add(-1)
	}
	return first
}
