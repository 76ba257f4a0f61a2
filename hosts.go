package wsgate

import (
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"

	"github.com/wsgate/wsgate/internal/mistake"
)

// hostNames is what [Options].Hosts holds.
type hostNames []string

// hostName matches a name as it stands in the Host header: letters, digits and hyphens between dots (RFC 1123 section
// 2.1), and underscores, which containers have in their names. A leading "*." stands for anything in front.
var hostName = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)

// check returns a mistake for every name that no request could have.
func (names hostNames) check() (mistakes []error) {
	for _, name := range names {
		if !hostName.MatchString(name) || isAddress(name) {
			mistakes = append(mistakes, &mistake.Mistake{
				What: "Options.Hosts", Have: fmt.Sprintf("%q", name),
				Want: `a name without scheme and port, as "chat.example.com", "*.example.com" or "localhost" (addresses always pass; a name of other letters has its "xn--" form)`,
			})
		}
	}
	return mistakes
}

// guard answers requests for other names with 421 (RFC 9110 section 15.5.20), before anything else sees them.
func (names hostNames) guard(next http.Handler) http.Handler {
	if len(names) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !names.have(withoutPort(r.Host)) {
			w.Header().Set("Connection", "close")
			http.Error(w, "this server has another name", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// have reports whether the server is known by the host of a request. An address is nobody's name: a page that was
// loaded from one came from this very server.
func (names hostNames) have(host string) bool {
	if isAddress(host) {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, name := range names {
		name = strings.ToLower(name)
		suffix, wildcard := strings.CutPrefix(name, "*")
		if host == name || wildcard && len(host) > len(suffix) && strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}

// withoutPort returns the host of a Host header: "[::1]:80" is "[::1]".
func withoutPort(host string) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return host[:i]
	}
	return host
}

func isAddress(host string) bool {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}
