package wsgate

import (
	"errors"
	"io"
	"net/http"

	"github.com/wsgate/wsgate/internal/hub"
)

// Ready returns nil if the App may be sent new connections. Otherwise the error says why not: there are functions of
// [Lifecycle] or a Broker to start and [App.Start] has not run; [ErrShutdown]; or [ErrBroker] while the message broker
// behind [Options].Broker is away, or does not keep the tables that [Track] needs.
func (a *App) Ready() error {
	switch {
	case a.draining.Load():
		return ErrShutdown
	case !a.lifecycle.ready():
		return errors.New("wsgate: App.Start has not run")
	}
	return a.members.Away()
}

// ServeReady answers with 200 and "ok", or with 503 and the reason why the App is not [App.Ready]. It is for load
// balancers and others who check whether to send it connections:
//
//	app.Handle("GET /readyz", http.HandlerFunc(app.ServeReady))
//
// While the message broker is away, every node is in the same state, and connected clients still reach the others on
// their node. If that is better than no service, make a weaker check: allow errors.Is(app.Ready(), wsgate.ErrBroker).
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
