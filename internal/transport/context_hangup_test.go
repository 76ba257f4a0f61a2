package transport_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// A handler's context ends soon after the client has closed its side, also if the client sent more before than the server
// reads ahead, and even more than the server's kernel holds; and not before, whatever the client sends.
func TestHandlerContextEndsBehindUnreadInput(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems do not tell of an end that lies behind unread input")
	}
	close := func(socket net.Conn) { socket.Close() }
	halfClose := func(socket net.Conn) { socket.(interface{ CloseWrite() error }).CloseWrite() }
	reset := func(socket net.Conn) { socket.(*net.TCPConn).SetLinger(0); socket.Close() }
	for _, test := range []struct {
		over, network string
		how           string
		leave         func(socket net.Conn)
		unread        int
	}{
		{"TCP", "tcp", "close", close, 20 << 10},
		{"TCP", "tcp", "half-close", halfClose, 20 << 10},
		{"TCP", "tcp", "reset", reset, 20 << 10},
		{"TCP", "tcp", "close", close, 1 << 20}, // more than the server's kernel takes: the end is not sent
		{"TCP", "tcp", "reset", reset, 1 << 20},
		{"TLS", "tcp", "close", close, 40 << 10},
		{"TLS", "tcp", "half-close", halfClose, 40 << 10},
		{"TLS", "tcp", "close", close, 1 << 20},
		{"a unix socket", "unix", "close", close, 40 << 10},
		{"a unix socket", "unix", "half-close", halfClose, 40 << 10},
	} {
		t.Run(fmt.Sprintf("%s, %s behind %d bytes", test.over, test.how, test.unread), func(t *testing.T) {
			t.Parallel()
			ask, answers, ended := make(chan bool), make(chan error), make(chan time.Time, 1)
			app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{Message: func(ctx context.Context, _ *kit.Conn, m wsgate.Message) error {
				if string(m.Data) != "wait" {
					return nil
				}
				for {
					select {
					case <-ask:
						answers <- ctx.Err()
					case <-ctx.Done():
						ended <- time.Now()
						return nil
					}
				}
			}}))
			address := "127.0.0.1:0"
			if test.network == "unix" {
				address = filepath.Join(t.TempDir(), "s")
			}
			socket, err := net.Dial(test.network, overListener(t, app, test.network, address, test.over == "TLS"))
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			c := kit.NewRaw(t, socket)
			if test.over == "TLS" {
				c.Conn = tls.Client(socket, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is not the point
			}
			c.Handshake("/ws")
			c.Put(wire.Masked(wire.Text, []byte("wait")))
			some := bytes.Repeat(wire.Masked(wire.Text, make([]byte, 1000)), test.unread/1000/5+1)
			for range 5 { // each wakes whoever waits for the end
				c.Put(some)
				ask <- true
				if err := <-answers; err != nil {
					t.Fatalf("the context has ended although the client is there: %v", err)
				}
			}
			begun := time.Now()
			test.leave(socket)
			if took := kit.Receive(t, ended, "the end of the context").Sub(begun); took > 10*time.Second {
				t.Errorf("the context ended after %v", took)
			} else {
				t.Logf("after %v", took)
			}
		})
	}
}

// overListener serves the handler on a listener of its own, and returns the listener's address.
func overListener(t testing.TB, app *kit.App, network, address string, withTLS bool) string {
	t.Helper()
	server := httptest.NewUnstartedServer(app)
	server.Listener.Close()
	var err error
	if server.Listener, err = net.Listen(network, address); err != nil {
		t.Fatal(err)
	}
	if withTLS {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}
