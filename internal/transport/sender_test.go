//go:build unix

package transport_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/internal/transport"
)

// accepted returns the server's end of a connection over TCP, whose client reads everything. Something is put around its
// descriptor.
func accepted(t *testing.T, limits *transport.Limits, wrap func(*transport.Conn, syscall.RawConn) syscall.RawConn) *transport.Conn {
	t.Helper()
	engine := transport.NewEngine(time.Second, 1<<30)
	conns := make(chan *transport.Conn, 1)
	own := &owner{ended: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := transport.Accept(w, r, &transport.AcceptOptions{
			Limits: limits, Engine: engine, Counters: new(transport.Counters), Owner: own, Admit: func() (context.Context, *transport.Refusal) { return context.Background(), nil },
		})
		if err != nil {
			t.Error(err)
			return
		}
		c.WrapDescriptor(func(sys syscall.RawConn) syscall.RawConn { return wrap(c, sys) })
		own.conn = c
		conns <- c
		go own.Resume()
	}))
	client, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := wire.Handshake(client); err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, client) // ends with the connection
	t.Cleanup(func() {
		client.Close()
		<-own.ended
		engine.Stop()
		server.Close()
	})
	return <-conns
}

// owner reads one message of a connection, and ends it.
type owner struct {
	patient
	conn  *transport.Conn
	ended chan struct{}
}

func (o *owner) Resume() {
	_, _, _, err := o.conn.Read()
	if err == transport.ErrParked {
		return
	}
	o.conn.End(err)
	close(o.ended)
}

// fed is a descriptor to which somebody else queues a message during each write.
type fed struct {
	syscall.RawConn
	feed func()
}

func (f *fed) Write(write func(uintptr) bool) error {
	defer f.feed()
	return f.RawConn.Write(write)
}

// A sender writes what waits when it comes, and not for as long as others go on sending.
func TestSenderDoesNotWorkForOthers(t *testing.T) {
	var writes atomic.Int32
	returned := make(chan struct{})
	c := accepted(t, limits, func(c *transport.Conn, sys syscall.RawConn) syscall.RawConn {
		return &fed{sys, func() {
			if writes.Add(1) <= 100 { // a full queue needs fewer
				c.SendData(websocket.MessageText, []byte("more"))
				return
			}
			select {
			case <-returned: // then it is a flusher that writes
			case <-time.After(10 * time.Second):
				t.Error("a sender writes for as long as others send")
			}
		}}
	})
	c.SendData(websocket.MessageText, []byte("x"))
	c.FlushAll()
	close(returned)
}

// Who waits for a connection writes what a read cycle holds back, a batch at a time while nobody has found the socket full.
func TestPacedSenderWritesWhatIsHeld(t *testing.T) {
	c := accepted(t, limits, func(_ *transport.Conn, sys syscall.RawConn) syscall.RawConn { return sys })
	c.HoldSends()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	line := frame.NewMessage(websocket.MessageText, make([]byte, 1000))
	most := 0
	for range 60 { // a client that reads slowly may fill the socket later
		for range 10 {
			if err := c.SendPaced(ctx, line); err != nil {
				t.Fatal(err)
			}
		}
		most = max(most, c.Waiting())
	}
	if most > 2*transport.MaxBatch {
		t.Errorf("%d bytes waited, want no more than a batch of %d and a message", most, transport.MaxBatch)
	}
}
