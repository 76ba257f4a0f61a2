package docs_test

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
)

// picky is a gateway that refuses with the code it is asked for.
type picky struct{}

func newPicky() *picky { return &picky{} }

func (*picky) OnUpgrade(r *http.Request) (struct{}, error) {
	switch code := r.FormValue("refuse"); code {
	case "":
		return struct{}{}, nil
	case "plain":
		return struct{}{}, io.ErrUnexpectedEOF
	default:
		return struct{}{}, wsgate.Errorf(wsgate.Code(code), "no")
	}
}

func (*picky) OnOpen(context.Context, *wsgate.Conn[struct{}]) error { return nil }

func newPickyApp(t *testing.T) *wsgate.App {
	t.Helper()
	app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{
		{Path: "/", New: newPicky},
		{Path: "/versions", New: newPicky, Subprotocols: []string{"v2", "v1"}},
	}}, &wsgate.Options{Compression: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { app.Shutdown(context.Background()) })
	return app
}

// The statuses of the handshake, all of which are in the page's table.
func TestHandshake(t *testing.T) {
	app := newPickyApp(t)
	documented := map[string]bool{}
	for _, row := range tableIn(t, protocolPage, "## The handshake") {
		for status := range strings.SplitSeq(row[0], ", ") {
			documented[status] = false
		}
	}
	got := func(name string, resp *http.Response, err error, status string) {
		t.Helper()
		if resp == nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !strings.HasPrefix(resp.Status, status+" ") {
			t.Errorf("%s: got status %s, want %s", name, resp.Status, status)
		}
		if status != "101" {
			if _, ok := documented[status]; !ok {
				t.Errorf("the page does not say when there is status %s", status)
			}
			documented[status] = true
		}
		retry := resp.Header.Get("Retry-After") != ""
		if want := status == "429" || status == "503"; retry != want {
			t.Errorf("%s: Retry-After is %q", name, resp.Header.Get("Retry-After"))
		}
	}
	for _, tt := range []struct {
		name, target string
		header       http.Header
		status       string
	}{
		{"as it should be", "/", nil, "101"},
		{"another version", "/", http.Header{"Sec-WebSocket-Version": {"12"}}, "400"},
		{"a bad key", "/", http.Header{"Sec-WebSocket-Key": {"x"}}, "400"},
		{"two origins", "/", http.Header{"Origin": {"http://example.com", "http://example.com"}}, "400"},
		{"the first of the server's", "/versions", http.Header{"Sec-WebSocket-Protocol": {"v1, v2"}}, "101"},
		{"no offer", "/versions", nil, "101"},
		{"other subprotocols", "/versions", http.Header{"Sec-WebSocket-Protocol": {"v3"}}, "400"},
		{"other case", "/versions", http.Header{"Sec-WebSocket-Protocol": {"V2"}}, "400"},
		{"an offer where there are none", "/", http.Header{"Sec-WebSocket-Protocol": {"v2"}}, "400"},
		{"its own page", "/", http.Header{"Origin": {"http://example.com"}}, "101"},
		{"another page", "/", http.Header{"Origin": {"http://example.org"}}, "403"},
		{"many subprotocols", "/versions", http.Header{"Sec-WebSocket-Protocol": {strings.Repeat("v1,", 100)}}, "431"},
		{"a long origin", "/", http.Header{"Origin": {"http://" + strings.Repeat("x", 2000)}}, "431"},
		{"no upgrade", "/", http.Header{"Connection": {"close"}}, "426"},
		{"upgrade to what", "/", http.Header{"Upgrade": {"h2c"}}, "426"},
		{"a bug", "/?refuse=plain", nil, "500"},
		{"a code of the application's own", "/?refuse=teapot", nil, "500"},
	} {
		conn, resp, err := memory.DialRaw(app, tt.target, tt.header)
		if conn != nil {
			conn.Close()
		}
		got(tt.name, resp, err, tt.status)
		if protocol := resp.Header.Get("Sec-WebSocket-Protocol"); tt.status == "101" && protocol != "" && protocol != "v2" {
			t.Errorf("%s: got subprotocol %q", tt.name, protocol)
		}
	}
	for _, row := range tableIn(t, "../../../docs/errors.md", "## Codes") {
		_, resp, err := memory.DialRaw(app, "/?refuse="+strings.Trim(row[0], "`"), nil)
		got(row[0], resp, err, row[2])
	}

	for _, tt := range []struct{ name, method, path, body, status string }{
		{"another method", "POST", "/", "", "405"},
		{"a body", "GET", "/", "x", "400"},
		{"another path", "GET", "/versions/", "", "404"},
	} {
		r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
		maps.Copy(r.Header, http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}})
		if tt.status == "404" {
			r.URL.Path = "/none" // "/" takes every path
			other, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/versions", New: newPicky}}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := memory.Transport{Handler: other}.RoundTrip(r)
			got(tt.name, resp, err, tt.status)
			continue
		}
		resp, err := memory.Transport{Handler: app}.RoundTrip(r)
		got(tt.name, resp, err, tt.status)
	}

	for method, status := range map[string]string{"GET": "400", "CONNECT": "501"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, "/", http.NoBody)
		r.URL.Path = "/" // an extended CONNECT has one
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
		app.ServeHTTP(w, r)
		got(method+" over HTTP/2", w.Result(), nil, status)
	}

	resp, err := largeRequest(t)
	got("601 values in the header", resp, err, "431")

	hosts, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: newPicky}}}, &wsgate.Options{Hosts: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	_, resp, err = memory.DialRaw(hosts, "ws://evil.example/", nil)
	got("another host", resp, err, "421")

	app.Shutdown(t.Context())
	_, resp, err = memory.DialRaw(app, "/", nil)
	got("after a shutdown", resp, err, "503")

	for _, status := range slices.Sorted(maps.Keys(documented)) {
		if !documented[status] {
			t.Errorf("nothing was answered with status %s", status)
		}
	}
}

// largeRequest sends a request with many headers to an App on a port of its own, which Serve's server answers itself.
func largeRequest(t *testing.T) (*http.Response, error) {
	t.Helper()
	app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: newPicky}}}, &wsgate.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- app.Serve(ctx, ln) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ln.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["X"] = make([]string, 601)
	resp, err := http.DefaultClient.Do(r)
	if err == nil {
		resp.Body.Close()
	}
	return resp, err
}

func TestCompressionIsNegotiated(t *testing.T) {
	app := newPickyApp(t)
	conn, resp, err := memory.DialRaw(app, "/", http.Header{"Sec-WebSocket-Extensions": {"permessage-deflate; client_max_window_bits"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const want = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
	if got := resp.Header.Get("Sec-WebSocket-Extensions"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
