package wsgate_test

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

type (
	transparentWriter struct{ http.ResponseWriter }
	opaqueWriter      struct{ http.ResponseWriter }
	hidingWriter      struct{ http.ResponseWriter }
	gzipWriter        struct {
		http.ResponseWriter
		zip *gzip.Writer
	}
	openGzipWriter struct{ gzipWriter }
)

func (w transparentWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w openGzipWriter) Unwrap() http.ResponseWriter    { return w.ResponseWriter }
func (w gzipWriter) Write(p []byte) (int, error)        { return w.zip.Write(p) }

func (hidingWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.New("what is inside cannot be hijacked")
}

// around is HTTP middleware that puts a ResponseWriter around the server's.
func around(wrap func(http.ResponseWriter) http.ResponseWriter) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(wrap(w), r) })
	}
}

// gzipped is HTTP middleware that compresses, as many programs have it.
func gzipped(wrap func(gzipWriter) http.ResponseWriter) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Encoding", "gzip")
			zip := gzip.NewWriter(w)
			defer zip.Close()
			next.ServeHTTP(wrap(gzipWriter{w, zip}), r)
		})
	}
}

// HTTP middleware may wrap the ResponseWriter, if it can be unwrapped again.
func TestWrappedResponseWriter(t *testing.T) {
	var happened kit.Journal
	g := &kit.MessageGateway{Hooks: kit.Hooks{
		Upgrade: func(*http.Request) (kit.Data, error) { happened.Add("OnUpgrade"); return kit.Data{}, nil },
	}}
	twice := around(func(w http.ResponseWriter) http.ResponseWriter { return transparentWriter{transparentWriter{w}} })
	c := kit.Dial(t, kit.NewApp(t, &wsgate.Options{HTTP: []any{twice}}, kit.RouteTo("/ws", g)), "/ws")
	c.Say("x")
	c.Hears("x")
	c.Close(websocket.StatusNormalClosure, "")
	happened.Want(t, "OnUpgrade")
}

// A ResponseWriter that cannot be hijacked makes every upgrade fail. The log says once which it is, and the client can
// read what it gets, also if that is compressed.
func TestResponseWriterInTheWay(t *testing.T) {
	const message = "this server cannot upgrade connections\n"
	for _, test := range []struct {
		name string
		http []any
		log  []string
	}{
		{"opaque", []any{around(func(w http.ResponseWriter) http.ResponseWriter { return opaqueWriter{w} })}, []string{"wsgate_test.opaqueWriter"}},
		{"opaque below another", []any{
			around(func(w http.ResponseWriter) http.ResponseWriter { return opaqueWriter{w} }),
			around(func(w http.ResponseWriter) http.ResponseWriter { return transparentWriter{w} }),
		}, []string{"wsgate_test.opaqueWriter"}},
		{"http.TimeoutHandler", []any{
			func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Minute, "late") },
		}, []string{"*http.timeoutWriter"}},
		{"gzip", []any{gzipped(func(w gzipWriter) http.ResponseWriter { return w })}, []string{"wsgate_test.gzipWriter"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			upgrades := 0
			app := kit.NewApp(t, &wsgate.Options{HTTP: test.http}, kit.RouteTo("/ws", &kit.MessageGateway{Hooks: kit.Hooks{
				Upgrade: func(*http.Request) (kit.Data, error) { upgrades++; return kit.Data{}, nil },
			}}))
			addr := kit.OverTCP(t, app)
			for range 2 {
				resp := refusedWithGzip(t, addr, "/ws")
				if body := decoded(t, resp); resp.StatusCode != http.StatusNotImplemented || body != message || resp.Header.Get("Upgrade") != "" {
					t.Errorf("got status %d, header %v, %q, want 501 %q", resp.StatusCode, resp.Header, body, message)
				}
			}
			lines := app.Log.With(append(test.log, "ERROR", `path=/ws`, "Unwrap() http.ResponseWriter")...)
			if len(lines) != 1 || len(app.Log.With()) != 1 {
				t.Errorf("logged %q, want it once", app.Log.With())
			}
			if upgrades > 0 {
				t.Errorf("OnUpgrade ran %d times", upgrades)
			}
		})
	}
}

// Every refusal can be read behind a compressing ResponseWriter, whose length is not that of the text.
func TestRefusalsThroughGzip(t *testing.T) {
	g := &kit.MessageGateway{Hooks: kit.Hooks{Upgrade: func(*http.Request) (kit.Data, error) {
		return kit.Data{}, wsgate.Errorf(wsgate.Denied, "not you")
	}}}
	app := kit.NewApp(t, &wsgate.Options{HTTP: []any{gzipped(func(w gzipWriter) http.ResponseWriter { return openGzipWriter{w} })}}, kit.RouteTo("/ws", g))
	addr := kit.OverTCP(t, app)
	for target, want := range map[string]string{"/ws": "not you\n", "/nowhere": "no gateway at \"/nowhere\"\n"} {
		if got := decoded(t, refusedWithGzip(t, addr, target)); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}

// A ResponseWriter that has a method Hijack, and what is inside has not, is told of as well.
func TestHijackThatFails(t *testing.T) {
	hiding := around(func(w http.ResponseWriter) http.ResponseWriter { return hidingWriter{w} })
	app := kit.NewApp(t, &wsgate.Options{HTTP: []any{hiding}}, kit.RouteTo("/ws", &kit.MessageGateway{}))
	addr := kit.OverTCP(t, app)
	for range 2 {
		refusedWithGzip(t, addr, "/ws").Body.Close()
	}
	if lines := app.Log.With("ERROR", "wsgate_test.hidingWriter", "what is inside cannot be hijacked"); len(lines) != 1 || len(app.Log.With()) != 1 {
		t.Errorf("logged %q, want it once", app.Log.With())
	}
}

// refusedWithGzip asks for an upgrade that is not made, as a client that takes compressed answers, and is not done with
// them by its transport.
func refusedWithGzip(t *testing.T, addr, target string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
		"Accept-Encoding": {"gzip"},
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// decoded reads a body as its Content-Encoding says.
func decoded(t *testing.T, resp *http.Response) string {
	t.Helper()
	in := io.Reader(resp.Body)
	if resp.Header.Get("Content-Encoding") == "gzip" {
		zip, err := gzip.NewReader(resp.Body)
		if err != nil {
			t.Error(err)
			return ""
		}
		in = zip
	}
	body, err := io.ReadAll(in)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}
