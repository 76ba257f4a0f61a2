package wsgate_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// From HTTP/2 on an answer has no header field about the connection (RFC 9113 section 8.2.2), and a request that is
// refused does not take the connection away from the page's other requests.
func TestAnswersOverHTTP2(t *testing.T) {
	module := &wsgate.Module{Gateways: []wsgate.Route{kit.RouteTo("/ws", &kit.MessageGateway{})}}
	type service struct{}
	starting := &wsgate.Module{Imports: []*wsgate.Module{module}, Provide: []any{func(l *wsgate.Lifecycle) *service {
		l.OnStart(func(context.Context) error { return nil })
		return &service{}
	}}}
	over := func(t *testing.T, app *wsgate.App) (client *http.Client, url string) {
		s := httptest.NewUnstartedServer(app)
		s.EnableHTTP2 = true
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.Client(), s.URL
	}
	for _, test := range []struct {
		name         string
		serve        func(t *testing.T) (client *http.Client, url string)
		method, path string
		header       http.Header
		status       int
		body         string
	}{
		{"GET", func(t *testing.T) (*http.Client, string) { return over(t, kit.NewAppOf(t, nil, module).App) }, "GET", "/ws", nil, 400, "over HTTP/1.1, and this is HTTP/2.0"},
		{"POST", func(t *testing.T) (*http.Client, string) { return over(t, kit.NewAppOf(t, nil, module).App) }, "POST", "/ws", nil, 400, "over HTTP/1.1, and this is HTTP/2.0"},
		{"before the start", func(t *testing.T) (*http.Client, string) {
			app, err := wsgate.New(starting, &wsgate.Options{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			return over(t, app)
		}, "GET", "/ws", nil, 503, "not started"},
		{"shutting down", func(t *testing.T) (*http.Client, string) {
			app := kit.NewAppOf(t, nil, module)
			if err := app.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			return over(t, app.App)
		}, "GET", "/ws", nil, 503, "shutting down"},
		{"another host", func(t *testing.T) (*http.Client, string) {
			return over(t, kit.NewAppOf(t, &wsgate.Options{Hosts: []string{"chat.example"}}, module).App)
		}, "GET", "/ws", http.Header{"Host": {"evil.example"}}, 421, "another name"},
		{"by Serve, with too large a header", overServe(module), "GET", "/ws", http.Header{"X": make([]string, 501)}, 431, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, url := test.serve(t)
			for i := range 2 {
				var reused bool
				ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }})
				r, err := http.NewRequestWithContext(ctx, test.method, url+test.path, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Host = test.header.Get("Host")
				r.Header = test.header.Clone()
				r.Header.Del("Host")
				resp, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.ProtoMajor != 2 || resp.StatusCode != test.status || !strings.Contains(string(body), test.body) {
					t.Errorf("got %s %d %q, %v, want HTTP/2.0 %d %q", resp.Proto, resp.StatusCode, body, err, test.status, test.body)
				}
				for _, name := range []string{"Connection", "Upgrade", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding"} {
					if v, ok := resp.Header[name]; ok {
						t.Errorf("got %s: %q", name, v)
					}
				}
				if i == 1 && !reused {
					t.Error("the refusal has ended the connection")
				}
			}
		})
	}
}

// overServe serves HTTP/2 by App.Serve.
func overServe(module *wsgate.Module) func(t *testing.T) (client *http.Client, url string) {
	return func(t *testing.T) (*http.Client, string) {
		borrowed := httptest.NewUnstartedServer(nil) // for its certificate
		borrowed.EnableHTTP2 = true
		borrowed.StartTLS()
		t.Cleanup(borrowed.Close)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		app, err := wsgate.New(module, &wsgate.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		secure := &tls.Config{Certificates: borrowed.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}
		go func() { served <- app.Serve(ctx, tls.NewListener(ln, secure)) }()
		t.Cleanup(func() {
			stop()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
		return borrowed.Client(), fmt.Sprintf("https://%s", ln.Addr())
	}
}

// Browsers do not try HTTP/1.1 when a WebSocket over HTTP/2 is refused, whatever the status. Only a server whose GODEBUG
// asks for it is offered one; its log says so, once.
func TestExtendedCONNECT(t *testing.T) {
	app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{}))
	for range 2 {
		r := httptest.NewRequest(http.MethodConnect, "/ws", http.NoBody)
		r.URL.Path, r.ContentLength = "/ws", -1
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
		r.Header = http.Header{":protocol": {"websocket"}, "Sec-Websocket-Version": {"13"}}
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		if w.Code != http.StatusNotImplemented || w.Header().Get("Connection") != "" {
			t.Errorf("got %d with %v, want 501", w.Code, w.Header())
		}
	}
	if lines := app.Log.With("ERROR", "HTTP/2", "remove http2xconnect=1 from GODEBUG"); len(lines) != 1 {
		t.Errorf("logged %q, want it once", app.Log.With())
	}
}
