package wsgate

import (
	"fmt"
	"path"
	"strings"

	"github.com/wsgate/wsgate/internal/mistake"
)

// splitPattern splits an http.ServeMux pattern. below is the part after the first slash.
func splitPattern(pattern string) (method, host, below string) {
	location := pattern
	if i := strings.IndexAny(pattern, " \t"); i >= 0 {
		method, location = pattern[:i], strings.TrimLeft(pattern[i:], " \t")
	}
	host, below, _ = strings.Cut(location, "/")
	return method, host, below
}

// unreachable reports whether no request matches a pattern that http.ServeMux accepts. The mux compares methods and
// hosts as they are sent, hosts without the port, and clean paths.
func unreachable(pattern string) bool {
	method, host, below := splitPattern(pattern)
	clean := path.Clean("/" + below)
	return method != strings.ToUpper(method) ||
		host != "" && (host != strings.ToLower(host) || strings.ContainsAny(host, "*:") || !isHostName(host) && !isAddress(host)) ||
		strings.ContainsAny(below, "?#") || clean != "/"+below && clean+"/" != "/"+below
}

// checkPattern returns a mistake for a pattern whose host is not in Options.Hosts.
func (names hostNames) checkPattern(what, pattern, where string) error {
	_, host, _ := splitPattern(pattern)
	if host == "" || len(names) == 0 || names.allow(host) {
		return nil
	}
	return &mistake.Mistake{
		What: what, Where: where, Have: fmt.Sprintf("host %q, for which Options.Hosts has every request refused", host),
		Fix: "add it to Options.Hosts",
	}
}
