package soak

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

const (
	publishers = 4
	rooms      = 2 // publisher p sends to room p % rooms
)

// numbers has a number for each publisher. As text it is what clients are told.
type numbers [publishers]int64

func (n numbers) String() string {
	return strings.Trim(fmt.Sprint([publishers]int64(n)), "[]")
}

func parseNumbers(text string) (n numbers, err error) {
	for i, field := range strings.Fields(text) {
		if _, err := fmt.Sscan(field, &n[i]); err != nil {
			return n, err
		}
	}
	return n, nil
}

// member is what the server knows of a connection.
type member struct {
	room   string  // "" outside of all
	joined numbers // what had been begun to publish when it had joined
}

type conn = wsgate.Conn[member]

// hub is the gateway: clients join, leave and publish.
type hub struct {
	begun, done [publishers]atomic.Int64 // broadcasts of each publisher

	opened, closed atomic.Int64
	slow           atomic.Int64 // connections that ended with ErrSlowClient
	owedToSlow     atomic.Int64 // deliveries that were due to them
	pings          atomic.Int64 // connections that ended with ErrPingTimeout

	gone sync.Map // address of a client -> chan struct{}, closed when its connection has ended
}

// goneOf returns a channel that is closed when the connection of the client with that address has ended.
func (h *hub) goneOf(addr string) chan struct{} {
	gone, _ := h.gone.LoadOrStore(addr, make(chan struct{}))
	return gone.(chan struct{})
}

func snapshot(counters *[publishers]atomic.Int64) (n numbers) {
	for i := range counters {
		n[i] = counters[i].Load()
	}
	return n
}

func (h *hub) OnOpen(context.Context, *conn) error {
	h.opened.Add(1)
	return nil
}

// OnMessage takes "publish P PADDING", "join ROOM" and "leave". A publisher P is one connection, so that its numbers
// are in order.
func (h *hub) OnMessage(_ context.Context, c *conn, m wsgate.Message) error {
	verb, rest, _ := strings.Cut(string(m.Data), " ")
	switch verb {
	case "publish":
		var p int
		if _, err := fmt.Sscan(rest, &p); err != nil {
			return err
		}
		n := h.begun[p].Add(1)
		err := c.All().Room(roomOf(p)).Send(wsgate.Text(fmt.Sprintf("news %d %d %s", p, n, rest)))
		h.done[p].Add(1)
		return err
	case "join":
		if err := c.Join(rest); err != nil {
			return err
		}
		c.Data = member{rest, snapshot(&h.begun)}
		return c.Send(wsgate.Text("joined " + c.Data.joined.String()))
	case "leave":
		due := snapshot(&h.done)
		c.Leave(c.Data.room)
		c.Data = member{}
		return c.Send(wsgate.Text("left " + due.String()))
	}
	return fmt.Errorf("unknown %q", verb)
}

func (h *hub) OnClose(_ context.Context, c *conn, err error) {
	h.closed.Add(1)
	addr := c.RemoteAddr()
	defer h.gone.Delete(addr)
	defer close(h.goneOf(addr))
	switch {
	case errors.Is(err, wsgate.ErrSlowClient):
		h.slow.Add(1)
		done := snapshot(&h.done)
		for p := range publishers {
			if roomOf(p) == c.Data.room {
				h.owedToSlow.Add(max(0, done[p]-c.Data.joined[p]))
			}
		}
	case errors.Is(err, wsgate.ErrPingTimeout):
		h.pings.Add(1)
	}
}

func roomOf(p int) string { return fmt.Sprint("room ", p%rooms) }

// server is an App that serves the hub.
type server struct {
	hub  *hub
	app  *wsgate.App
	addr string
	stop func()
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{hub: &hub{}}
	app, err := wsgate.New(
		&wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *hub { return s.hub }}}},
		&wsgate.Options{Logger: slog.New(slog.DiscardHandler), Limits: wsgate.Limits{
			QueueBytes: 8 << 20, Write: 2 * time.Second, Ping: 2 * time.Second, Pong: time.Second, Close: time.Second,
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.app, s.addr = app, ln.Addr().String()
	ln = smallBuffers{ln}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- app.Serve(ctx, ln) }()
	s.stop = func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
	return s
}

// smallBuffers accepts connections for which the kernel buffers little, so that who does not read is soon found out.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(32 << 10)
	}
	return c, err
}
