package wsgate

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
)

// Route maps a path to a gateway.
type Route struct {
	// Path is an http.ServeMux pattern without a method, e.g. "/ws/chat/{room}". OnUpgrade gets the wildcards from
	// http.Request.PathValue.
	Path string
	// New is the gateway's constructor: func(services...) *G or func(services...) (*G, error). It is called once for
	// every route, so a gateway on two paths is two gateways.
	New any

	Use []any // middleware inside the App's, as for Options.Use; constructors get the services that New gets
	// Sends lists the events that the route sends; nil is any. It is for people and tools that want to know, and it is
	// checked: to emit an event to the route that is not in a list, or with another payload, is an error, which is also
	// logged, once for each line. Answers to calls, the event of [Track] and what Send sends need not be listed, and
	// what comes from other nodes is not checked again.
	Sends []Outgoing

	Envelope     Envelope // the zero value is the App's
	Subprotocols []string // in order of preference; a client that offers only others is refused with 400
	Limits       *Limits  // nil is the App's; otherwise none of the App's apply, and a zero field has its default

	pos    string  // file:line of Register; "" if it is listed in a Module
	module *Module // the module that lists it; set by New
}

// Registry is a list of routes. The zero value is ready to use. Its methods may be called from any goroutine.
type Registry struct {
	mu     sync.Mutex // guards following
	routes []Route
	paths  patterns
	served bool // an App serves the routes
}

// Register adds a route. It checks the constructor, the gateway's hooks and the path at once. The error says what is
// wrong, and the registry is left as it was.
func (r *Registry) Register(path string, constructor any) error {
	rt := checkedRoute{Route: Route{Path: path, New: constructor, pos: mistake.Caller(1)}}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.served {
		return &mistake.Mistake{
			What: fmt.Sprintf("route %q comes too late", path), Where: rt.pos, Have: "the Registry of an App that was built",
			Fix: "register the route before New, with a Registry whose Routes are a Module's Gateways",
		}
	}
	if mistakes := rt.check(); len(mistakes) > 0 {
		all := r.paths.clone() // check the path as well, without adding it
		return errors.Join(append(mistakes, all.enter(&rt.Route))...)
	}
	if err := r.paths.enter(&rt.Route); err != nil {
		return err
	}
	r.routes = append(r.routes, rt.Route)
	return nil
}

// Routes returns the routes in the order in which they were registered. Use it to fill a Module's Gateways, or to see
// what an App serves.
func (r *Registry) Routes() []Route {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.routes)
}

// where describes where a route was registered. For a route listed in a Module, that is its constructor's position.
func (rt *Route) where() string {
	if rt.pos != "" || !inspect.IsFunc(rt.New) {
		return rt.pos
	}
	where := inspect.FuncPos(rt.New)
	if rt.module != nil {
		where = strings.TrimPrefix(where+" in ", " ") + rt.module.label()
	}
	return where
}

// checkRoutes checks each route, and the paths of all, which it returns.
func checkRoutes(routes []checkedRoute) (all patterns, mistakes []error) {
	for i := range routes {
		rt := &routes[i]
		if err := all.enter(&rt.Route); err != nil {
			mistakes = append(mistakes, err)
		}
		mistakes = append(mistakes, rt.check()...)
	}
	return all, mistakes
}

// checkedRoute is a route, with what its check has found out.
type checkedRoute struct {
	Route
	conn connType     // of its gateway's *Conn[D]; nil after a mistake
	data reflect.Type // D; nil after a mistake
}

// check checks the route except for its path.
func (rt *checkedRoute) check() []error {
	ct, mistakes := checkGateway(&rt.Route)
	if ct != nil && len(mistakes) == 0 {
		rt.conn, rt.data = ct, dataOf(reflect.TypeOf(rt.New).Out(0), ct)
		if err := checkUser(rt.data, &rt.Route); err != nil {
			mistakes = append(mistakes, err)
		}
		if err := checkEnd(rt.data, &rt.Route); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	mistakes = append(mistakes, rt.Envelope.check(fmt.Sprintf("route %q", rt.Path))...)
	mistakes = append(mistakes, checkSubprotocols(&rt.Route)...)
	mistakes = append(mistakes, checkSends(&rt.Route)...)
	if rt.Limits == nil {
		return mistakes
	}
	mistakes = append(mistakes, rt.Limits.check(fmt.Sprintf("route %q", rt.Path))...)
	mistakes = append(mistakes, rt.Limits.checkRoute(rt.Path)...)
	return mistakes
}

// enter adds the route's path, or returns why it cannot.
func (p *patterns) enter(rt *Route) error {
	if strings.ContainsAny(rt.Path, " \t") || !strings.Contains(rt.Path, "/") || unreachable(rt.Path) {
		return &mistake.Mistake{
			What: fmt.Sprintf("route %q", rt.Path), Where: rt.where(),
			Have: "a path that is no http.ServeMux pattern without a method, or that no request reaches",
			Want: `something like "/ws/chat", "/ws/chat/{room}" or "chat.example.com/ws", with the host in lower case and without a port`,
		}
	}
	other, reason := p.add(&registered{pattern: rt.Path, where: rt.where(), gateway: true})
	switch {
	case reason == "":
		return nil
	case other == nil:
		return &mistake.Mistake{What: fmt.Sprintf("route %q: %s", rt.Path, reason), Where: rt.where()}
	case other.pattern == rt.Path:
		return &mistake.Mistake{
			What: fmt.Sprintf("route %q is registered twice", rt.Path), Where: rt.where(),
			Have: "the same path at " + other.where,
			Fix:  "give each route a path of its own",
		}
	}
	return other.conflict(fmt.Sprintf("route %q", rt.Path), rt.where(), reason)
}

// checkSubprotocols returns a mistake for names that can never be negotiated, since they must be tokens (RFC 9110
// section 5.6.2).
func checkSubprotocols(rt *Route) (mistakes []error) {
	for i, name := range rt.Subprotocols {
		if slices.Contains(rt.Subprotocols[:i], name) {
			mistakes = append(mistakes, &mistake.Mistake{
				What: fmt.Sprintf("route %q: Subprotocols has %q twice", rt.Path, name), Where: rt.where(), Fix: "remove one of them",
			})
		}
		if !token.MatchString(name) {
			mistakes = append(mistakes, &mistake.Mistake{
				What: fmt.Sprintf("route %q: Subprotocols has %q", rt.Path, name), Where: rt.where(),
				Want: `a token, as "chat.v1": letters, digits and !#$%&'*+-.^_|~`,
			})
		}
	}
	return mistakes
}

var token = regexp.MustCompile("^[a-zA-Z0-9!#$%&'*+.^_`|~-]+$")

var muxPosition = regexp.MustCompile(`^parsing .*?: | \(registered at [^)]*\)`)

// tryHandle mounts a handler. If the mux panics, it returns the reason.
func tryHandle(mux *http.ServeMux, pattern string, h http.Handler) (reason string) {
	defer func() {
		if v := recover(); v != nil {
			reason = muxPosition.ReplaceAllString(fmt.Sprint(v), "")
		}
	}()
	mux.Handle(pattern, h)
	return ""
}
