package wsgate_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// Requests that are refused get the right status, and nothing of an error that is not meant for them.
func TestUpgradeRequests(t *testing.T) {
	g := &messageGateway{testHooks: testHooks{upgrade: func(r *http.Request) (testData, error) {
		switch code := wsgate.Code(r.FormValue("name")); code {
		case "":
			return testData{}, nil
		case "secret":
			return testData{}, errors.New("secret")
		case "wrapped":
			return testData{}, fmt.Errorf("secret: %w", wsgate.Errorf(wsgate.Denied, "for you"))
		default:
			return testData{}, wsgate.Errorf(code, "for you")
		}
	}}}
	status := func(t *testing.T, target string, header http.Header, want int, body string) {
		t.Helper()
		resp := dialRefused(t, newApp(t, &wsgate.Options{Origins: []string{"*.friend.example"}}, routeTo("/ws", g)), target, header)
		var got bytes.Buffer
		got.ReadFrom(resp.Body)
		if resp.StatusCode != want || !strings.Contains(got.String(), body) || strings.Contains(got.String(), "secret") {
			t.Errorf("%s %v: got status %d %q, want %d %q", target, header, resp.StatusCode, &got, want, body)
		}
	}
	for code, want := range map[wsgate.Code]int{
		wsgate.Malformed: 400, wsgate.Invalid: 400, wsgate.Unauthenticated: 401, wsgate.Denied: 403, wsgate.NotFound: 404,
		wsgate.Conflict: 409, wsgate.RateLimited: 429, wsgate.Internal: 500, wsgate.Unavailable: 503, "own": 500, "wrapped": 403,
	} {
		status(t, "/ws?name="+string(code), nil, want, "for you")
	}
	status(t, "/ws?name=secret", nil, 500, "")
	status(t, "/nowhere", nil, 404, "")
	status(t, "/ws", http.Header{"Origin": {"https://evil.example"}}, 403, "")
	status(t, "/ws", http.Header{"Origin": {"null"}}, 403, "")
	status(t, "/ws", http.Header{"Origin": {"http://example.com", "http://example.com"}}, 400, "Origin")
	status(t, "/ws?name=denied", http.Header{"Origin": {"https://evil.example"}}, 403, "") // OnUpgrade does not run
	app := newApp(t, &wsgate.Options{Origins: []string{"*.friend.example"}}, routeTo("/ws", g))
	for _, origin := range []string{"http://example.com", "https://a.friend.example"} {
		dialWith(t, app, "/ws", http.Header{"Origin": {origin}}).Close(websocket.StatusNormalClosure, "")
	}
}

// Those who are refused together are told to come back at different times.
func TestRetryAfterIsSpread(t *testing.T) {
	app := newApp(t, nil, routeTo("/ws", &messageGateway{testHooks: testHooks{upgrade: func(*http.Request) (testData, error) {
		return testData{}, wsgate.Errorf(wsgate.RateLimited, "later")
	}}}))
	seen := map[int]bool{}
	for range 200 {
		resp := dialRefused(t, app, "/ws", nil)
		seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil || seconds < 1 || seconds > 10 {
			t.Fatalf("got Retry-After %q, want 1 to 10", resp.Header.Get("Retry-After"))
		}
		seen[seconds] = true
	}
	if len(seen) < 8 { // all ten but with a chance of one in a hundred million
		t.Errorf("200 clients got only %d different times", len(seen))
	}
}

// A request that announces a body is refused at once: net/http would wait for the body before it answers.
func TestUpgradeWithBody(t *testing.T) {
	upgrades := 0
	addr := overTCP(t, newApp(t, nil, routeTo("/ws", &messageGateway{testHooks: testHooks{
		upgrade: func(*http.Request) (testData, error) { upgrades++; return testData{}, nil },
	}})))
	for _, field := range []string{"Content-Length: 10", "Transfer-Encoding: chunked"} {
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n\r\n", field)
		answer := make([]byte, len("HTTP/1.1 400"))
		if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 400" {
			t.Errorf("%s: got %q, %v, want status 400", field, answer, err)
		}
	}
	if upgrades > 0 {
		t.Errorf("OnUpgrade ran %d times", upgrades)
	}
}

type (
	transparentWriter struct{ http.ResponseWriter }
	opaqueWriter      struct{ http.ResponseWriter }
)

func (w transparentWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// HTTP middleware may wrap the ResponseWriter, if it can be unwrapped again.
func TestWrappedResponseWriter(t *testing.T) {
	var happened journal
	wrap := func(around func(http.ResponseWriter) http.ResponseWriter) *wsgate.Options {
		return &wsgate.Options{HTTP: []any{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(around(w), r) })
		}}}
	}
	route := func() wsgate.Route {
		return routeTo("/ws", &messageGateway{testHooks: testHooks{
			upgrade: func(*http.Request) (testData, error) { happened.add("OnUpgrade"); return testData{}, nil },
		}})
	}
	c := dial(t, newApp(t, wrap(func(w http.ResponseWriter) http.ResponseWriter { return transparentWriter{transparentWriter{w}} }), route()), "/ws")
	c.say("x")
	c.hears("x")
	c.Close(websocket.StatusNormalClosure, "")
	happened.want(t, "OnUpgrade")
	resp := dialRefused(t, newApp(t, wrap(func(w http.ResponseWriter) http.ResponseWriter { return opaqueWriter{w} }), route()), "/ws", nil)
	if resp.StatusCode != http.StatusNotImplemented || resp.Header.Get("Upgrade") != "" {
		t.Errorf("got status %d, header %v, want 501", resp.StatusCode, resp.Header)
	}
	happened.want(t, "OnUpgrade") // not once more
}
