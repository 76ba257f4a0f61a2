package kit

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
)

// OverTCP serves the handler on a real socket, where writes are made without blocking, and returns its address.
func OverTCP(t testing.TB, h http.Handler) (addr string) {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// DialTCP opens a connection over a real socket.
func DialTCP(t testing.TB, addr, target string) *Client {
	t.Helper()
	c, _, err := websocket.Dial(context.Background(), "ws://"+addr+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return NewClient(t, c)
}

// Carriers are the ways to connect: a pipe and a TLS connection, to which every write may block, and a socket.
var Carriers = []struct {
	Name    string
	Connect func(t testing.TB, app *App) (dial func(target string) *Client)
}{
	{"pipe", func(t testing.TB, app *App) func(string) *Client {
		return func(target string) *Client { return Dial(t, app, target) }
	}},
	{"socket", func(t testing.TB, app *App) func(string) *Client {
		addr := OverTCP(t, app)
		return func(target string) *Client { return DialTCP(t, addr, target) }
	}},
	{"tls", func(t testing.TB, app *App) func(string) *Client {
		s := httptest.NewTLSServer(app)
		t.Cleanup(s.Close)
		return func(target string) *Client {
			opts := &websocket.DialOptions{HTTPClient: s.Client()}
			c, _, err := websocket.Dial(context.Background(), s.URL+target, opts)
			if err != nil {
				t.Fatal(err)
			}
			return NewClient(t, c)
		}
	}},
}
