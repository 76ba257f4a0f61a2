package wsgate

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/wsgate/wsgate/internal/transport"
)

// serveMux serves the routes and mounted handlers. For an upgrade, it replaces the mux's own responses (redirects, 404,
// 405) with 404: WebSocket clients do not follow redirects and always use GET.
func (a *App) serveMux(w http.ResponseWriter, r *http.Request) {
	if asksToUpgrade(r) {
		h, pattern := a.mux.Handler(r)
		switch h := h.(type) {
		case *route:
			h.isFirst()
			if !strings.Contains(pattern, "{") { // else the mux has to set the path's values
				r.Pattern = pattern
				h.ServeHTTP(w, r)
				return
			}
		case mounted:
		default:
			refusal := &transport.Refusal{Status: http.StatusNotFound, Message: a.notFound(r)}
			a.log.DebugContext(r.Context(), "wsgate: upgrade refused", "remote", r.RemoteAddr, "err", refusal)
			refusal.Write(w, r)
			return
		}
	}
	a.mux.ServeHTTP(w, r)
}

func asksToUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && r.RequestURI != "*" && strings.Contains(strings.ToLower(r.Header.Get("Upgrade")), "websocket")
}

// mounted is a handler that the application has mounted, as opposed to one of the mux's own. It tells [HTTPError] its App.
type mounted struct {
	handler http.Handler
	app     *App
}

func (m mounted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), appKey{}, m.app)))
}

// notFound returns the message of a 404. It names a similar path that the mux serves, if there is one.
func (a *App) notFound(r *http.Request) string {
	const max = 200 // characters of a path
	have := r.URL.EscapedPath()
	message := fmt.Sprintf("no gateway at %.*q", max, have)
	clean := path.Clean("/" + have)
	for _, meant := range [...]string{clean, strings.TrimSuffix(clean, "/") + "/"} {
		u, err := url.ParseRequestURI(meant)
		if err != nil {
			continue
		}
		other := *r
		other.URL = u
		h, _ := a.mux.Handler(&other)
		switch h.(type) {
		case *route:
			return fmt.Sprintf("%s; it is at %.*q", message, max, meant)
		case mounted:
			return fmt.Sprintf("%s; try %.*q", message, max, meant)
		}
	}
	return message
}
