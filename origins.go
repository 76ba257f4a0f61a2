package wsgate

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/transport"
)

// originPatterns are the normalized [Options].Origins: path.Match patterns in lower case, with addresses in netip's
// form.
type originPatterns []string

// newOriginPatterns returns the patterns, and a mistake for every one that no origin can match.
func newOriginPatterns(origins []string) (patterns originPatterns, mistakes []error) {
	for _, origin := range origins {
		pattern, want := originPattern(strings.ToLower(origin))
		if want != "" {
			mistakes = append(mistakes, &mistake.Mistake{What: "Options.Origins", Have: fmt.Sprintf("%q", origin), Want: want})
		}
		patterns = append(patterns, pattern)
	}
	return patterns, mistakes
}

// The parts of an origin, including the meta characters of path.Match.
var (
	originScheme = regexp.MustCompile(`^([a-z*?\[\\][a-z0-9+.*?\[\]^\\-]*://)?$`)
	originName   = regexp.MustCompile(`^[a-z0-9_*?\[\]^\\-]+(\.[a-z0-9_*?\[\]^\\-]+)*\.?$`)
	originPort   = regexp.MustCompile(`^(:([1-9][0-9]{0,4}|[0-9-]*[*?\[\]^\\][0-9*?\[\]^\\-]*))?$`)
	// appHost is what apps have for a host, if anything: whatever their authors call it.
	appHost = regexp.MustCompile(`^[a-z0-9._~*?\[\]^\\-]*$`)
	// chromeID is the name of an extension.
	chromeID = regexp.MustCompile(`^([a-p]{32}|.*[*?\[\\].*)$`)
	// addressName matches a name that browsers parse as an IPv4 address.
	addressName = regexp.MustCompile(`^([a-z0-9_-]+\.)*([0-9]+|0x[0-9a-f]*)\.?$`)
)

const (
	wantOrigin  = `a pattern of a host, as "*.example.com" or "localhost:8080", or of a scheme and host, as "https://example.com"`
	wantOpaque  = `"null": the origin of such pages has no name`
	wantFile    = `"file://": the origin of files has no path`
	wantChrome  = `the extension's ID, as "chrome-extension://" and 32 letters from a to p, or "chrome-extension://*"`
	wantAddress = `an IPv6 address in full and in brackets, as "http://[::1]:5173"`
)

// originPattern returns the pattern for one of the Origins, or the form that it should have.
func originPattern(origin string) (pattern, want string) {
	scheme, host := "", origin
	if i := strings.Index(origin, "://"); i >= 0 {
		scheme, host = origin[:i+3], origin[i+3:]
	}
	name, port := splitPort(host)
	switch {
	case origin == opaque || origin == "file://":
		return origin, ""
	case scheme == "file://":
		return "", wantFile
	case isOpaque(origin):
		return "", wantOpaque
	case scheme == "chrome-extension://" && !chromeID.MatchString(host):
		return "", wantChrome
	case scheme == "ws://" || scheme == "wss://":
		return "", fmt.Sprintf("%q: an origin is that of a page", "http"+strings.TrimPrefix(origin, "ws"))
	case !isASCII(origin):
		if name = asciiHost(name); name == "" {
			return "", `the "xn--" form of the name, as browsers send it`
		}
		return "", fmt.Sprintf("%q, as browsers send it", scheme+name+port)
	case strings.Contains(name, ":"):
		addr, ok := bracketed(name)
		if !ok || addr.Zone() != "" {
			return "", wantAddress
		}
		name = `\[` + addr.String() + `\]`
	case isAppScheme(scheme) && appHost.MatchString(name):
	case !originName.MatchString(name), addressName.MatchString(name) && !isAddress(name):
		return "", wantOrigin
	}
	pattern = scheme + name + port
	if _, err := path.Match(pattern, ""); err != nil || !originScheme.MatchString(scheme) || !originPort.MatchString(port) || tooHigh(port) {
		return "", wantOrigin
	}
	return pattern, ""
}

func tooHigh(port string) bool {
	n, err := strconv.Atoi(strings.TrimPrefix(port, ":"))
	return err == nil && n > 65535
}

// opaque is what browsers send for a page whose origin has no name: it has the same for all of them. See RFC 6454, section 7.
const opaque = "null"

// isOpaque reports whether an origin is written as the URL of a page that has no other. A host may have the same name.
func isOpaque(origin string) bool {
	scheme, _, _ := strings.Cut(origin, ":")
	return slices.Contains([]string{"about", "content", "data"}, scheme) && !originPort.MatchString(origin[len(scheme):])
}

// isAppScheme reports whether a scheme is one of those that apps and extensions have for their own pages.
func isAppScheme(scheme string) bool {
	return scheme != "" && scheme != "http://" && scheme != "https://" && !strings.ContainsAny(scheme, `*?[\`)
}

// refuse returns the refusal for a request whose origin is not allowed, or nil.
func (patterns originPatterns) refuse(r *http.Request) *transport.Refusal {
	if patterns.allow(r) {
		return nil
	}
	message := fmt.Sprintf("pages of origin %q may not connect", r.Header.Get("Origin"))
	return &transport.Refusal{Status: http.StatusForbidden, Message: message}
}

// allow reports whether the request's origin is allowed: it is the host of the request, or it matches a pattern. A
// request without an Origin header does not come from a browser and is allowed.
func (patterns originPatterns) allow(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	host, withPort := hostForms(u.Host, u.Scheme)
	if own, _ := hostForms(r.Host, u.Scheme); host == own && u.Hostname() != "" {
		return true
	}
	for _, pattern := range patterns {
		if pattern == opaque { // which is no host's name
			if origin == opaque {
				return true
			}
			continue
		}
		scheme := ""
		if strings.Contains(pattern, "://") {
			scheme = u.Scheme + "://"
		}
		for _, form := range [...]string{host, withPort} {
			if matched, _ := path.Match(pattern, scheme+form); matched { // the pattern is valid
				return true
			}
		}
	}
	return false
}

// defaultPorts are the ports that browsers omit. The scheme is taken from the origin, because the request's own is
// unknown behind a proxy that terminates TLS.
var defaultPorts = map[string]string{"http": ":80", "https": ":443"}

// hostForms returns a host in two forms: without the port if that is the scheme's default, and always with the port.
func hostForms(host, scheme string) (without, with string) {
	name, port := splitPort(strings.ToLower(host))
	if addr, ok := bracketed(name); ok {
		name = "[" + addr.String() + "]"
	}
	defaultPort := defaultPorts[scheme]
	if port == "" || port == ":" {
		port = defaultPort
	}
	if port == defaultPort {
		return name, name + port
	}
	return name + port, name + port
}
