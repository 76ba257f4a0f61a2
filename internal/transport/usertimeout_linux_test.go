package transport_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

type quiet struct{}

func (*quiet) OnOpen(context.Context, *wsgate.Conn[struct{}]) error { return nil }

// The kernel gives up on a vanished peer after the time the heartbeat has, also below TLS.
func TestUserTimeout(t *testing.T) {
	for _, start := range []func(*httptest.Server){(*httptest.Server).Start, (*httptest.Server).StartTLS} {
		app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/ws", New: func() *quiet { return new(quiet) }}}},
			&wsgate.Options{Limits: wsgate.Limits{Ping: 3 * time.Second, Pong: 2 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(app)
		hijacked := make(chan net.Conn, 1)
		server.Config.ConnState = func(c net.Conn, s http.ConnState) {
			if s == http.StateHijacked {
				hijacked <- c
			}
		}
		start(server)
		client, _, err := websocket.Dial(t.Context(), server.URL+"/ws", &websocket.DialOptions{HTTPClient: server.Client()})
		if err != nil {
			t.Fatal(err)
		}
		// A round trip of the protocol: then the server has set everything up.
		if err := client.Ping(client.CloseRead(t.Context())); err != nil {
			t.Fatal(err)
		}
		if got, want := userTimeout(t, <-hijacked), 5*time.Second; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		client.CloseNow()
		if err := app.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		server.Close()
	}
}

func userTimeout(t *testing.T, c net.Conn) (d time.Duration) {
	t.Helper()
	if tls, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = tls.NetConn()
	}
	sys, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = sys.Control(func(fd uintptr) {
		ms, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, 0x12)
		if err != nil {
			t.Error(err)
		}
		d = time.Duration(ms) * time.Millisecond
	})
	if err != nil {
		t.Error(err)
	}
	return d
}
