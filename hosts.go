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
	"github.com/wsgate/wsgate/internal/transport"
)

// hostNames is the value of [Options].Hosts.
type hostNames []string

// hostName matches a name as in the Host header: labels of letters, digits and hyphens (RFC 1123 section 2.1), and
// underscores, which container names use. A leading "*." matches any prefix.
var hostName = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)

// isHostName reports whether a name, or the rest after "*.", is a host name and not an address.
func isHostName(name string) bool {
	return hostName.MatchString(name) && !addressName.MatchString(strings.TrimPrefix(strings.ToLower(name), "*."))
}

// check returns a mistake for every name that no request can match.
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
		if name, _ := splitPort(r.Host); !names.allow(name) {
			transport.CloseAfter(w, r)
			http.Error(w, "this server has another name", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allow reports whether the host of a request is allowed. Addresses are always allowed: DNS rebinding needs a name, and
// a page loaded from an address came from this server.
func (names hostNames) allow(host string) bool {
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

// splitPort splits a host, or a host pattern, into name and port: "[::1]:80" into "[::1]" and ":80".
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

// isAddress reports whether a host is an IP address: IPv4, or IPv6 in brackets.
func isAddress(host string) bool {
	addr, err := netip.ParseAddr(host)
	_, ok := bracketed(host)
	return ok || err == nil && addr.Is4()
}

// bracketed parses a host that is an IPv6 address in brackets.
func bracketed(host string) (addr netip.Addr, ok bool) {
	inner, opened := strings.CutPrefix(host, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	addr, err := netip.ParseAddr(inner)
	return addr, opened && closed && err == nil && addr.Is6()
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// asciiHost returns a name, or the rest after "*.", in the ASCII form used in requests, "" if it has none. It uses
// net/http, which writes requests.
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
