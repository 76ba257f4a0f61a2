package wsgate_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// accessLog is the middleware that many programs have. It notes the status of each request.
type accessLog struct {
	wrap     func(*recorder) http.ResponseWriter
	statuses chan int
}

func (l *accessLog) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(l.wrap(rec), r)
		l.statuses <- rec.status
	})
}

// recorder notes what it passes on.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// The forms in which a recorder lets its connection be hijacked: it says what it wraps, or has a method of its own; and one
// that keeps the header until it is told, as gin's does, may be below another.
type (
	unwrapping struct{ *recorder }
	hijacking  struct{ *recorder }
	keeping    struct {
		*recorder
		kept *int
	}
)

func (w unwrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w hijacking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.ResponseWriter.(http.Hijacker).Hijack()
}

func (w keeping) WriteHeader(status int)      { *w.kept = status }
func (w keeping) WriteHeaderNow()             { w.recorder.WriteHeader(*w.kept) }
func (w keeping) Write(p []byte) (int, error) { w.WriteHeaderNow(); return w.recorder.Write(p) }
func (w keeping) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Middleware sees the status of an upgrade, and the client gets one answer.
func TestAccessLog(t *testing.T) {
	wrappers := map[string]func(*recorder) http.ResponseWriter{
		"Unwrap": func(r *recorder) http.ResponseWriter { return unwrapping{r} },
		"Hijack": func(r *recorder) http.ResponseWriter { return hijacking{r} },
		"kept below another": func(r *recorder) http.ResponseWriter {
			return unwrapping{&recorder{ResponseWriter: keeping{r, new(int)}}}
		},
	}
	dials := map[string]func(*testing.T, http.Handler, string) (*websocket.Conn, *http.Response, error){
		"TCP": func(t *testing.T, h http.Handler, path string) (*websocket.Conn, *http.Response, error) {
			server := httptest.NewServer(h)
			t.Cleanup(server.Close)
			return websocket.Dial(t.Context(), server.URL+path, nil)
		},
		"TLS": func(t *testing.T, h http.Handler, path string) (*websocket.Conn, *http.Response, error) {
			server := httptest.NewTLSServer(h)
			t.Cleanup(server.Close)
			return websocket.Dial(t.Context(), server.URL+path, &websocket.DialOptions{HTTPClient: server.Client()})
		},
		"memory": func(_ *testing.T, h http.Handler, path string) (*websocket.Conn, *http.Response, error) {
			return memory.Dial(h, path, nil)
		},
	}
	for name, wrap := range wrappers {
		for network, dial := range dials {
			for _, place := range []string{"Options.HTTP", "around the App"} {
				t.Run(strings.Join([]string{name, network, place}, "/"), func(t *testing.T) {
					log := &accessLog{wrap, make(chan int, 2)}
					options := &wsgate.Options{}
					if place == "Options.HTTP" {
						options.HTTP = []any{log.middleware}
					}
					app := kit.NewApp(t, options, kit.RouteTo("/ws", &kit.MessageGateway{}))
					var h http.Handler = app
					if place != "Options.HTTP" {
						h = log.middleware(app)
					}
					ws, _, err := dial(t, h, "/ws")
					if err != nil {
						t.Fatal(err)
					}
					defer ws.CloseNow()
					if status := kit.Receive(t, log.statuses, "the log"); status != http.StatusSwitchingProtocols {
						t.Errorf("the log has status %d, want 101", status)
					}
					// What comes after the 101 is the echo, and no other 101.
					if err := ws.Write(t.Context(), websocket.MessageText, []byte("x")); err != nil {
						t.Fatal(err)
					}
					if _, text, err := ws.Read(t.Context()); err != nil || string(text) != "x" {
						t.Errorf("got %q, %v", text, err)
					}
					if _, resp, err := dial(t, h, "/none"); err == nil || resp == nil || resp.StatusCode != http.StatusNotFound {
						t.Errorf("got %v, want 404", err)
					}
					if status := kit.Receive(t, log.statuses, "the log"); status != http.StatusNotFound {
						t.Errorf("the log has status %d, want 404", status)
					}
				})
			}
		}
	}
}
