package wsgate

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/wsgate/wsgate/internal/transport"
)

// serveMux serves the routes and what was mounted. What the mux makes up itself, a redirect, 404 or 405, is for clients
// that look at it. For an upgrade it is 404: WebSocket clients follow no redirect and have no other method.
func (a *App) serveMux(w http.ResponseWriter, r *http.Request) {
	if asksToUpgrade(r) && !a.serves(r) {
		refusal := &transport.Refusal{Status: http.StatusNotFound, Message: a.whereTo(r)}
		a.log.DebugContext(r.Context(), "wsgate: upgrade refused", "remote", r.RemoteAddr, "err", refusal)
		refusal.Write(w)
		return
	}
	a.mux.ServeHTTP(w, r)
}

func asksToUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && r.RequestURI != "*" && strings.Contains(strings.ToLower(r.Header.Get("Upgrade")), "websocket")
}

// mounted is a handler that the application has mounted, to be told from those that the mux makes.
type mounted struct{ http.Handler }

// serves reports whether somebody has mounted what the mux calls for the request.
func (a *App) serves(r *http.Request) bool {
	switch h, _ := a.mux.Handler(r); h.(type) {
	case *route, mounted:
		return true
	}
	return false
}

// whereTo tells a client that has no gateway on its path which path is meant, if the mux knows one.
func (a *App) whereTo(r *http.Request) string {
	const most = 200 // characters of a path
	have := r.URL.EscapedPath()
	message := fmt.Sprintf("no gateway at %.*q", most, have)
	clean := path.Clean("/" + have)
	for _, meant := range [...]string{clean, strings.TrimSuffix(clean, "/") + "/"} {
		u, err := url.ParseRequestURI(meant)
		if err != nil {
			continue
		}
		there := *r
		there.URL = u
		switch h, _ := a.mux.Handler(&there); h.(type) {
		case *route:
			return fmt.Sprintf("%s; it is at %.*q", message, most, meant)
		case mounted:
			return fmt.Sprintf("%s; try %.*q", message, most, meant)
		}
	}
	return message
}
