package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/leak"
	"github.com/wsgate/wsgate/internal/test/parallel"
)

func TestMain(m *testing.M) {
	parallel.AtLeast(4)
	os.Exit(leak.Check(m.Run))
}

// visitor is what the server knows about a connection.
type visitor struct {
	Token    string `json:"token"`
	Origin   string `json:"origin"`
	Host     string `json:"host"`
	Protocol string `json:"protocol"`
}

// card has a field with the name of one of the envelope's keys.
type card struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
}

type conn = wsgate.Conn[visitor]

const (
	whoami  wsgate.Call[struct{}, visitor]   = "whoami"
	reverse wsgate.Call[[]float64, []string] = "reverse" // a payload and an answer that are no objects
	negate  wsgate.Call[int, int]            = "negate"
	same    wsgate.Call[string, string]      = "same"
	paint   wsgate.Call[card, card]          = "paint"
	chatty  wsgate.Call[struct{}, string]    = "chatty" // other messages come before its answer
	note    wsgate.Event[string]             = "note"
	fail    wsgate.Event[struct{}]           = "fail"
	crash   wsgate.Event[struct{}]           = "crash"
	silent  wsgate.Event[struct{}]           = "silent" // no answer
	leave   wsgate.Event[struct{}]           = "leave"  // closes the connection
)

type probe struct{}

func newProbe() *probe { return &probe{} }

func (*probe) OnUpgrade(r *http.Request) (visitor, error) {
	if r.Header.Get("X-Token") == "bad" {
		return visitor{}, wsgate.Errorf(wsgate.Denied, "that token\nis bad")
	}
	return visitor{Token: r.Header.Get("X-Token"), Origin: r.Header.Get("Origin"), Host: r.Host}, nil
}

func (*probe) OnOpen(_ context.Context, c *conn) error {
	c.Data.Protocol = c.Subprotocol()
	return nil
}

func (p *probe) Events() wsgate.Events[visitor] {
	return wsgate.Events[visitor]{
		wsgate.Answer(whoami, func(_ context.Context, c *conn, _ struct{}) (visitor, error) { return c.Data, nil }),
		wsgate.Answer(reverse, func(_ context.Context, _ *conn, in []float64) ([]string, error) {
			return make([]string, len(in)), nil
		}),
		wsgate.Answer(negate, func(_ context.Context, _ *conn, n int) (int, error) { return -n, nil }),
		wsgate.Answer(same, func(_ context.Context, _ *conn, s string) (string, error) { return s, nil }),
		wsgate.Answer(paint, func(_ context.Context, _ *conn, c card) (card, error) { return c, nil }),
		wsgate.Answer(chatty, func(_ context.Context, c *conn, _ struct{}) (string, error) {
			return "at last", errors.Join(note.Emit(c, "one"), note.Emit(c, "two"), c.Send(wsgate.Binary([]byte("three"))))
		}),
		wsgate.On(note, func(context.Context, *conn, string) error { return nil }),
		wsgate.On(fail, func(context.Context, *conn, struct{}) error {
			return &wsgate.Error{Code: wsgate.Conflict, Message: "so\nnot", Details: map[string]int{"n": 1}}
		}),
		wsgate.On(crash, func(context.Context, *conn, struct{}) error { return errors.New("secret") }),
		wsgate.On(silent, func(ctx context.Context, c *conn, _ struct{}) error {
			if err := note.Emit(c, "wait"); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		}),
		wsgate.On(leave, func(context.Context, *conn, struct{}) error {
			return websocket.CloseError{Code: 4001, Reason: "go\naway"}
		}),
	}
}

// echo greets, and says back what it hears.
type echo struct {
	ended chan error // what OnClose hears
}

func (*echo) OnOpen(_ context.Context, c *wsgate.Conn[struct{}]) error {
	return errors.Join(
		c.Send(wsgate.Text("hello")), c.Send(wsgate.Text("two\n\"lines\"")), c.Send(wsgate.Binary([]byte{0, 255})),
	)
}

func (*echo) OnMessage(_ context.Context, c *wsgate.Conn[struct{}], m wsgate.Message) error {
	return c.Send(m)
}

func (e *echo) OnClose(_ context.Context, _ *wsgate.Conn[struct{}], err error) { e.ended <- err }

// app is a running server.
type app struct {
	addr  string
	ended chan error // see echo
	stop  func()     // shuts down, with the closing handshake
}

func (a *app) url(path string) string { return "ws://" + a.addr + path }

// start starts a server, on a port of its own if addr has none. It stops with the test.
func start(t *testing.T, addr string) *app {
	t.Helper()
	e := &echo{ended: make(chan error, 100)}
	served, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{
		{Path: "/ws", New: newProbe},
		{Path: "/nested", New: newProbe, Envelope: wsgate.Envelope{Type: "event", ID: "seq", Data: "data"}},
		{Path: "/sub", New: newProbe, Subprotocols: []string{"v2", "v1"}},
		{Path: "/echo", New: func() *echo { return e }},
	}}, &wsgate.Options{Logger: slog.New(slog.DiscardHandler), Origins: []string{"friend.example"}})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- served.Serve(ctx, ln) }()
	stopped := false
	a := &app{addr: ln.Addr().String(), ended: e.ended}
	a.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(a.stop)
	return a
}

// odd returns the URL of a server that accepts connections and treats them in that way.
func odd(t *testing.T, treat func(ctx context.Context, ws *websocket.Conn)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.CloseNow()
		treat(r.Context(), ws)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// deadline is a context for what must not take for ever.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// broken fails every write.
type broken struct{ io.Writer }

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }
