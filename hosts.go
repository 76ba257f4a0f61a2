package wsgate

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/wsgate/wsgate/internal/mistake"
)

// hostNames is what [Options].Hosts holds.
type hostNames []string

// hostName matches a name as it stands in the Host header: letters, digits and hyphens between dots (RFC 1123 section
// 2.1), and underscores, which containers have in their names. A leading "*." stands for anything in front.
var hostName = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)

// isHostName reports whether a name, or a name behind "*.", is no address.
func isHostName(name string) bool {
	return hostName.MatchString(name) && !addressName.MatchString(strings.TrimPrefix(strings.ToLower(name), "*."))
}

// check returns a mistake for every name that no request could have.
func (names hostNames) check() (mistakes []error) {
	for _, name := range names {
		if !isHostName(name) {
			want := `a name without scheme and port, as "chat.example.com", "*.example.com" or "localhost" (addresses always pass; a name of other letters has its "xn--" form)`
			if ascii := asciiHost(name); !isASCII(name) && ascii != "" {
				want = fmt.Sprintf("%q, as clients send it", ascii)
			}
			mistakes = append(mistakes, &mistake.Mistake{What: "Options.Hosts", Have: fmt.Sprintf("%q", name), Want: want})
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
		if name, _ := splitPort(r.Host); !names.have(name) {
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

// splitPort returns the name and the port of a host, or of a pattern of hosts: "[::1]:80" is "[::1]" and ":80".
func splitPort(host string) (name, port string) {
	end, inside := len(host), false
	for i, c := range host {
		switch c {
		case '[':
			inside = true
		case ']':
			inside = false
		case ':':
			if !inside {
				end = i
			}
		}
	}
	return host[:end], host[end:]
}

// isAddress reports whether a host is an address: IPv6 in brackets, as in every header, or IPv4.
func isAddress(host string) bool {
	addr, err := netip.ParseAddr(host)
	_, ok := bracketed(host)
	return ok || err == nil && addr.Is4()
}

// bracketed returns the IPv6 address of a host.
func bracketed(host string) (addr netip.Addr, ok bool) {
	inner, opened := strings.CutPrefix(host, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	addr, err := netip.ParseAddr(inner)
	return addr, opened && closed && err == nil && addr.Is6()
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// asciiHost returns the form in which a name, or a name behind "*.", stands in requests, "" if it has none. net/http
// knows, which writes requests.
func asciiHost(name string) string {
	below, wildcard := strings.CutPrefix(name, "*.")
	var written bytes.Buffer
	if err := (&http.Request{URL: &url.URL{Scheme: "http", Host: below}}).Write(&written); err != nil {
		return ""
	}
	r, err := http.ReadRequest(bufio.NewReader(&written))
	if err != nil || !hostName.MatchString(r.Host) {
		return ""
	}
	if wildcard {
		return "*." + r.Host
	}
	return r.Host
}
