package wsgate

import (
	"fmt"
	"net/http"

	"github.com/wsgate/wsgate/internal/mistake"
)

// Handle mounts an ordinary HTTP handler beside the gateways. The pattern is an http.ServeMux pattern. One that
// conflicts with another, that no request matches, or that takes every upgrade from a gateway, as "GET /ws" does beside
// "/ws", is an error. Call Handle before serving.
//
// The handler may have a part of a gateway's requests: those for a more specific path, by another method than GET, or
// for a host, if the gateway's path has none.
func (a *App) Handle(pattern string, h http.Handler) error {
	if f, ok := h.(http.HandlerFunc); h != nil && (!ok || f != nil) { // the mux refuses what is nil
		h = mounted{h, a}
	}
	what, where := fmt.Sprintf("App.Handle of pattern %q", pattern), mistake.Caller(1)
	if err := a.hosts.checkPattern(what, pattern, where); err != nil {
		return err
	}
	if reason := tryHandle(http.NewServeMux(), pattern, h); reason != "" {
		return &mistake.Mistake{What: what + ": " + reason, Where: where}
	}
	if unreachable(pattern) {
		return &mistake.Mistake{
			What: what, Where: where, Have: "a pattern that no request matches",
			Want: `a method in upper case, a host in lower case and without a port, a path in its shortest form, as "GET chat.example.com/page"`,
		}
	}
	a.mounting.Lock()
	defer a.mounting.Unlock()
	now := a.patterns.clone()
	own := &registered{pattern: pattern, where: where}
	if other, reason := now.add(own); reason != "" {
		return other.conflict(what, where, reason)
	}
	for _, gateway := range now.gateways() {
		if _, host, _ := splitPattern(gateway.pattern); now.upgraded(gateway, host) == own {
			return &mistake.Mistake{
				What: fmt.Sprintf("%s takes every upgrade from the gateway at %q", what, gateway.pattern), Where: where,
				Have: fmt.Sprintf("route %q at %s: its upgrades are GET requests, and the pattern with the method is preferred", gateway.pattern, gateway.where),
				Fix:  "give the handler another path; requests that are no upgrades can be answered by middleware in Options.HTTP",
			}
		}
	}
	a.mux.Handle(pattern, h)
	a.patterns = now
	return nil
}

// hostTaker is a handler on a host that gets the upgrades there, and the gateway that would get them without it.
type hostTaker struct {
	host             string
	handler, gateway *registered
}

// hostTakers returns the handlers that take the upgrades of a host from a gateway for all hosts, by a path that is no more
// specific. That may well be meant, and looks like a gateway that does not answer if it is not.
func (a *App) hostTakers() (takers []hostTaker) {
	a.mounting.Lock()
	defer a.mounting.Unlock()
	for _, gateway := range a.patterns.gateways() {
		if _, host, _ := splitPattern(gateway.pattern); host != "" {
			continue
		}
		for _, other := range a.patterns.all {
			_, host, _ := splitPattern(other.pattern)
			if host != "" && !other.gateway && a.patterns.upgraded(gateway, host) == other {
				takers = append(takers, hostTaker{host, other, gateway})
			}
		}
	}
	return takers
}
