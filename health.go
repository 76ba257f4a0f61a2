package wsgate

import (
	"errors"
	"io"
	"net/http"

	"github.com/wsgate/wsgate/internal/hub"
)

// Ready returns nil if the App may be sent new connections. Else it says why not: [App.Start] has functions of
// [Lifecycle] or a Broker to start and has not run, [ErrShutdown], or [ErrBroker] while the engine behind
// [Options].Broker is away, or does not keep the tables that [Track] needs.
func (a *App) Ready() error {
	switch {
	case a.draining.Load():
		return ErrShutdown
	case !a.lifecycle.ready():
		return errors.New("wsgate: App.Start has not run")
	}
	return a.members.Away()
}

// ServeReady answers with 200 and "ok", or with 503 and the reason why the App is not [App.Ready], for those who check
// whether to send it connections:
//
//	app.Handle("GET /readyz", http.HandlerFunc(app.ServeReady))
//
// With the engine away every node is in the same state, and those who are connected still reach the others on their
// node. Where that is better than no service, check for less: errors.Is(app.Ready(), wsgate.ErrBroker).
func (a *App) ServeReady(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err := a.Ready(); err != nil {
		reason := "not started"
		switch {
		case errors.Is(err, ErrShutdown):
			reason = "shutting down"
		case errors.Is(err, hub.ErrStore):
			reason = "the broker keeps no presence"
		case errors.Is(err, ErrBroker):
			reason = "the broker is away"
		}
		http.Error(w, reason, http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// RemoteDropped returns the number of messages from other nodes that were ignored, which is 0 while nothing is wrong: garbage,
// messages of another version of this package or beyond the limits, and those that came twice or too late.
func (a *App) RemoteDropped() uint64 { return a.members.RemoteDropped() }
