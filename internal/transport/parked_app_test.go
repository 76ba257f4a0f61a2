package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// overSockets serves an App over TCP and over TLS, and dials it.
func overSockets(t *testing.T, test func(t *testing.T, serve func(http.Handler) (dial func() *kit.RawClient))) {
	for _, withTLS := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS ", withTLS), func(t *testing.T) {
			test(t, func(h http.Handler) func() *kit.RawClient {
				s := httptest.NewUnstartedServer(h)
				if withTLS {
					s.StartTLS()
				} else {
					s.Start()
				}
				t.Cleanup(s.Close)
				return func() *kit.RawClient {
					raw, err := net.Dial("tcp", s.Listener.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					if withTLS {
						raw = tls.Client(raw, &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "example.com"})
					}
					c := kit.NewRaw(t, raw)
					c.Handshake("/")
					return c
				}
			})
		})
	}
}

// isParked waits until the App has that many parked connections, where they can be parked.
func isParked(t *testing.T, app *kit.App, n int) {
	t.Helper()
	if runtime.GOOS != "linux" || noParking {
		return
	}
	want := fmt.Sprintf("%d of them parked", n)
	deadline := time.After(kit.Patience)
	for {
		var text strings.Builder
		if err := app.Explain(&text); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), want) && app.Stats().Parked == n {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("Explain says %s, and Stats %d; want %s", text.String(), app.Stats().Parked, want)
		case <-time.After(time.Millisecond):
		}
	}
}

// A control frame that brings a connection back leaves it as it was for the message after it.
func TestMessageAfterPongToParked(t *testing.T) {
	overSockets(t, func(t *testing.T, serve func(http.Handler) func() *kit.RawClient) {
		app := kit.NewApp(t, nil, kit.RouteTo("/", &kit.MessageGateway{}))
		c := serve(app)()
		for range 3 {
			isParked(t, app, 1)
			c.Put(wire.Masked(wire.Pong, nil))
			isParked(t, app, 1)
			c.Put(wire.Masked(wire.Text, []byte("hi")))
			if first, payload, err := c.Frame(); first != wire.Text || string(payload) != "hi" || err != nil {
				t.Fatalf("got %x %q, %v", first, payload, err)
			}
		}
	})
}

// A shutdown closes parked connections like all others, also those that are brought back meanwhile.
func TestShutdownOfParkedConnections(t *testing.T) {
	overSockets(t, func(t *testing.T, serve func(http.Handler) func() *kit.RawClient) {
		const count = 40
		opened, ends := make(chan error, count), make(chan error, count)
		g := &kit.MessageGateway{}
		g.Open = func(context.Context, *kit.Conn) error { opened <- nil; return nil }
		g.Close = func(_ context.Context, _ *kit.Conn, err error) { ends <- err }
		app := kit.NewApp(t, nil, kit.RouteTo("/", g))
		dial := serve(app)
		var clients []*kit.RawClient
		for range count {
			clients = append(clients, dial())
			kit.Receive(t, opened, "OnOpen")
		}
		isParked(t, app, count)
		var all sync.WaitGroup
		for i, c := range clients {
			all.Go(func() {
				if i%2 == 0 {
					c.Write(wire.Masked(wire.Text, []byte("x"))) // while it is closed
				}
				for {
					first, payload, err := c.Frame()
					if err != nil {
						t.Errorf("a client hears %v, and no close frame", err)
						return
					}
					if first == wire.Closing {
						if string(payload) != "\x03\xf4server shutting down" {
							t.Errorf("a client is closed with %q", payload)
						}
						c.Write(kit.CloseFrame(websocket.StatusServiceRestart, ""))
						return
					}
				}
			})
		}
		if err := app.End(); err != nil {
			t.Errorf("Shutdown returned %v", err)
		}
		all.Wait()
		for range count {
			if err := kit.Receive(t, ends, "OnClose"); !errors.Is(err, wsgate.ErrShutdown) {
				t.Errorf("OnClose got %v, want ErrShutdown", err)
			}
		}
	})
}

// A shutdown that runs out of time cuts parked connections whose clients do not answer.
func TestShutdownCutsParkedConnections(t *testing.T) {
	overSockets(t, func(t *testing.T, serve func(http.Handler) func() *kit.RawClient) {
		opened, ends := make(chan error, 1), make(chan error, 1)
		g := &kit.MessageGateway{}
		g.Open = func(context.Context, *kit.Conn) error { opened <- nil; return nil }
		g.Close = func(_ context.Context, _ *kit.Conn, err error) { ends <- err }
		app := kit.NewApp(t, nil, kit.RouteTo("/", g))
		serve(app)()
		kit.Receive(t, opened, "OnOpen")
		isParked(t, app, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := app.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown returned %v, want context.DeadlineExceeded", err)
		}
		if err := kit.Receive(t, ends, "OnClose"); !errors.Is(err, wsgate.ErrShutdown) {
			t.Errorf("OnClose got %v, want ErrShutdown", err)
		}
	})
}

// A handler that a parked connection was brought back for is a handler like any other: its context ends with the peer, it
// cannot wait for a shutdown that waits for it,
// a panic and runtime.Goexit end the connection, and OnClose is called once.
func TestHandlerOfParkedConnection(t *testing.T) {
	overSockets(t, func(t *testing.T, serve func(http.Handler) func() *kit.RawClient) {
		ends := make(chan error, 10)
		cancelled := make(chan error, 1)
		refused := make(chan bool, 1)
		var app *kit.App
		g := &kit.MessageGateway{}
		g.Close = func(_ context.Context, _ *kit.Conn, err error) { ends <- err }
		g.Message = func(ctx context.Context, c *kit.Conn, m wsgate.Message) error {
			switch string(m.Data) {
			case "wait":
				<-ctx.Done()
				cancelled <- context.Cause(ctx)
			case "shutdown":
				refused <- app.Shutdown(ctx) != nil
				c.Close(4000, "")
			case "panic":
				panic("oops")
			case "exit":
				runtime.Goexit()
			}
			return nil
		}
		app = kit.NewApp(t, nil, kit.RouteTo("/", g))
		dial := serve(app)
		for _, text := range []string{"wait", "shutdown", "panic", "exit"} {
			c := dial()
			isParked(t, app, 1)
			c.Put(wire.Masked(wire.Text, []byte(text)))
			if text == "shutdown" {
				if !kit.Receive(t, refused, "Shutdown") {
					t.Error("a handler can wait for the shutdown that waits for it")
				}
				c.Put(kit.CloseFrame(4000, ""))
			}
			if text == "wait" {
				c.Close()
				if err := kit.Receive(t, cancelled, "the end of the context"); err == nil {
					t.Error("the context ended without a cause")
				}
			}
			if err := kit.Receive(t, ends, "OnClose after "+text); err == nil {
				t.Errorf("OnClose after %s got nil, want the cause", text)
			}
		}
		select {
		case err := <-ends:
			t.Errorf("OnClose was called once more, with %v", err)
		default:
		}
	})
}

// Rooms, users and Disconnect have parked connections like all others.
func TestParkedMembers(t *testing.T) {
	overSockets(t, func(t *testing.T, serve func(http.Handler) func() *kit.RawClient) {
		g := &kit.MessageGateway{}
		ends := make(chan error, 2)
		joined := make(chan error, 2)
		g.Open = func(_ context.Context, c *kit.Conn) error {
			joined <- c.Join("room")
			return nil
		}
		g.Close = func(_ context.Context, _ *kit.Conn, err error) { ends <- err }
		app := kit.NewApp(t, nil, kit.RouteTo("/", g))
		dial := serve(app)
		a, b := dial(), dial()
		for range 2 {
			if err := kit.Receive(t, joined, "a member"); err != nil {
				t.Error(err)
			}
		}
		isParked(t, app, 2)
		room := app.Hub().At("/").Room("room")
		if room.Len() != 2 {
			t.Errorf("the room has %d members, want 2", room.Len())
		}
		if err := room.Send(wsgate.Message{Type: websocket.MessageText, Data: []byte("news")}); err != nil {
			t.Error(err)
		}
		for _, c := range []*kit.RawClient{a, b} {
			if first, payload, err := c.Frame(); first != wire.Text || string(payload) != "news" || err != nil {
				t.Errorf("got %x %q, %v", first, payload, err)
			}
		}
		isParked(t, app, 2)
		for c := range room.Conns() {
			if err := c.Flush(t.Context()); err != nil {
				t.Errorf("Flush: %v", err)
			}
			c.Close(4000, "go")
		}
		for _, c := range []*kit.RawClient{a, b} {
			if first, payload, err := c.Frame(); first != wire.Closing || string(payload) != "\x0f\xa0go" || err != nil {
				t.Errorf("got %x %q, %v", first, payload, err)
			}
			c.Put(kit.CloseFrame(4000, "go"))
		}
		for range 2 {
			if err := kit.Receive(t, ends, "OnClose"); !kit.IsCloseError(4000, "go")(err) {
				t.Errorf("OnClose got %v", err)
			}
		}
	})
}
