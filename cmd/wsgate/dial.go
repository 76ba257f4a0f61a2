package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/coder/websocket"
	"github.com/spf13/pflag"

	"github.com/wsgate/wsgate/cmd/internal/wire"
)

// dialFlags are the flags for connecting.
type dialFlags struct {
	headers      []string
	subprotocols []string
	origin       string
}

func (d *dialFlags) register(f *pflag.FlagSet) {
	f.StringArrayVarP(&d.headers, "header", "H", nil, "HTTP header of the handshake, `'Name: value'`; may be given several times")
	f.StringArrayVar(&d.subprotocols, "subprotocol", nil, "`name` of a subprotocol to offer; may be given several times")
	f.StringVar(&d.origin, "origin", "", "Origin header, as the pages of that `origin` would send it")
}

// envelopeFlags are the flags for the envelope's keys.
type envelopeFlags struct{ typ, id, data string }

func (e *envelopeFlags) register(f *pflag.FlagSet) {
	f.StringVar(&e.typ, "type-key", "type", "JSON `key` of the event's name")
	f.StringVar(&e.id, "id-key", "id", "JSON `key` of the id")
	f.StringVar(&e.data, "data-key", "", "JSON `key` under which every payload stands (default: an object's fields stand beside the other keys, or under \"data\" if one of them is such a key)")
}

func (e *envelopeFlags) envelope() (*wire.Envelope, error) { return wire.New(e.typ, e.id, e.data) }

// maxMessage is the maximum size of a received message. The client library's default is 32 KiB.
const maxMessage = 64 << 20

// server is where to connect, and how.
type server struct {
	url     string
	shown   string // the URL without a password
	options websocket.DialOptions
}

// server checks the URL and the flags.
func (d *dialFlags) server(rawURL string) (*server, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	s := &server{url: u.String(), shown: u.Redacted()}
	s.options.HTTPHeader = http.Header{}
	for _, line := range d.headers {
		if err := s.addHeader(line); err != nil {
			return nil, err
		}
	}
	for _, name := range d.subprotocols {
		if !isToken(name) {
			return nil, fmt.Errorf("--subprotocol %q: a name has letters, digits and -._~ but no spaces", name)
		}
	}
	s.options.Subprotocols = d.subprotocols
	if d.origin != "" {
		if err := s.addHeader("Origin: " + d.origin); err != nil {
			return nil, err
		}
	}
	s.options.HTTPClient = newClient()
	return s, nil
}

// newClient returns the client for handshakes. It does not keep refused connections alive, and follows as many
// redirects as net/http's default: the WebSocket library replaces that check by one without a limit.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	return &http.Client{
		Transport: transport,
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) >= 10 {
				return errors.New("stopped after 10 redirects")
			}
			return nil
		},
	}
}

func parseURL(raw string) (*url.URL, error) {
	if !strings.Contains(raw, "://") {
		return nil, fmt.Errorf("URL %q has no scheme: write it as ws://host:port/path", raw)
	}
	u, err := url.Parse(raw)
	var bad *url.Error
	switch {
	case errors.As(err, &bad):
		return nil, fmt.Errorf("the URL is wrong: %w", bad.Err) // not the whole error, which may contain a password
	case u.Scheme != "ws" && u.Scheme != "wss" && u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("URL scheme %q: use ws or wss", u.Scheme)
	case u.Hostname() == "":
		return nil, fmt.Errorf("URL %q has no host", u.Redacted())
	case u.Fragment != "":
		return nil, fmt.Errorf("URL fragment %q: a WebSocket URL has none, write # as %%23", "#"+u.Fragment)
	}
	return u, nil
}

// ofHandshake lists header fields that the client sets itself, or omits because a handshake has no body.
var ofHandshake = []string{"Connection", "Upgrade", "Content-Length", "Transfer-Encoding", "Trailer"}

// addHeader adds a header from the command line to the handshake.
func (s *server) addHeader(line string) error {
	name, value, ok := strings.Cut(line, ":")
	name, value = http.CanonicalHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value)
	switch {
	case !ok || !isToken(name):
		return fmt.Errorf("--header %q: write it as 'Name: value'", line)
	case strings.ContainsFunc(value, obeyed):
		return fmt.Errorf("--header %s: the value has a line break or another control character", name)
	case name == "Sec-Websocket-Protocol":
		return fmt.Errorf("--header %s: use --subprotocol", name)
	case slices.Contains(ofHandshake, name), strings.HasPrefix(name, "Sec-Websocket-"):
		return fmt.Errorf("--header %s: belongs to the handshake itself", name)
	case name == "Host" && value == "":
		return errors.New("--header Host: the value is empty")
	case name == "Host": // net/http ignores it in Header
		s.options.Host = value
	default:
		s.options.HTTPHeader.Add(name, value)
	}
	return nil
}

// isToken reports whether s may name a header or subprotocol (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	foreign := func(r rune) bool {
		letterOrDigit := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letterOrDigit && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	}
	return s != "" && !strings.ContainsFunc(s, foreign)
}

// dial connects. The error is a failure, unless ctx is done.
func (s *server) dial(ctx context.Context) (*websocket.Conn, error) {
	ws, resp, err := websocket.Dial(ctx, s.url, &s.options)
	switch {
	case err == nil:
		ws.SetReadLimit(maxMessage)
		return ws, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case resp != nil && resp.StatusCode != http.StatusSwitchingProtocols:
		return nil, refused(resp)
	}
	var failed *url.Error // the library's wrapping adds nothing
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return nil, failf(exitConnection, "connecting to %s: %w", s.shown, err)
}

// refused describes the server's response to a refused upgrade. The client library keeps the body's first KiB.
func refused(resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	text := shorten(oneLine(string(body)))
	if err != nil || text == "" {
		return failf(exitConnection, "the server refused the handshake: %s", resp.Status)
	}
	return failf(exitConnection, "the server refused the handshake: %s: %s", resp.Status, text)
}
