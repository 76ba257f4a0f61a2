//go:build linux && !wsgate_noparking

package transport_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/internal/transport"
)

// parkingSite is a server whose connections echo, to look at how they are parked.
type parkingSite struct {
	t        *testing.T
	engine   *transport.Engine
	counters transport.Counters
	server   *httptest.Server
	limits   *transport.Limits
	conns    chan *transport.Conn
	ends     chan error
	handle   func(text string) // called for each message before its echo, if not nil
	ended    func()            // called for each connection that has ended, if not nil
	parks    atomic.Int64      // calls of Owner.Park
	live     sync.WaitGroup
}

// siteReader is the reader of one connection. There is never a second one at the same time.
type siteReader struct {
	patient
	site     *parkingSite
	conn     *transport.Conn
	handling atomic.Bool
}

func (r *siteReader) Park() { r.site.parks.Add(1) }

func (r *siteReader) Resume() {
	for {
		typ, data, _, err := r.conn.Read()
		if err == transport.ErrParked {
			return
		}
		if !r.handling.CompareAndSwap(false, true) {
			r.site.t.Error("a connection has two readers")
		}
		if err != nil {
			defer r.site.live.Done()
			r.site.ends <- r.conn.End(err)
			if r.site.ended != nil {
				r.site.ended()
			}
			return
		}
		if r.site.handle != nil {
			r.site.handle(string(data))
		}
		r.conn.SendData(typ, data)
		r.handling.Store(false)
	}
}

func newSite(t *testing.T, network string, change func(*transport.Limits)) *parkingSite {
	l := *limits
	l.Assembly, l.Close = kit.Patience, kit.Patience
	if change != nil {
		change(&l)
	}
	s := &parkingSite{t: t, limits: &l, engine: transport.NewEngine(10*time.Millisecond, 1<<30), conns: make(chan *transport.Conn, 1), ends: make(chan error, 1<<14)}
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	before := epolls(t)
	switch network {
	case "unix":
		s.server.Listener.Close()
		ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
		if err != nil {
			t.Fatal(err)
		}
		s.server.Listener = ln
		s.server.Start()
	case "tls":
		s.server.StartTLS()
	default:
		s.server.Start()
	}
	t.Cleanup(func() {
		s.server.Close()
		ended := make(chan struct{})
		go func() { s.live.Wait(); close(ended) }()
		kit.Receive(t, ended, "the end of all connections")
		s.engine.Stop()
		if now := epolls(t); now != before {
			t.Errorf("%d epolls are open, and were %d before", now, before)
		}
		if parked, spots := s.engine.Parked(), s.engine.Spots(); parked != 0 || spots != 0 {
			t.Errorf("%d connections are parked and %d have a spot when all have ended", parked, spots)
		}
	})
	return s
}

// epolls returns how many epolls this process has.
func epolls(t *testing.T) (n int) {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if what, _ := os.Readlink("/proc/self/fd/" + f.Name()); what == "anon_inode:[eventpoll]" {
			n++
		}
	}
	return n
}

func (s *parkingSite) serve(w http.ResponseWriter, r *http.Request) {
	own := &siteReader{site: s}
	c, err := transport.Accept(w, r, &transport.AcceptOptions{
		Limits: s.limits, Engine: s.engine, Counters: &s.counters, Owner: own, Compression: true,
		Admit: func() (context.Context, *transport.Refusal) { return context.Background(), nil },
	})
	if err != nil {
		s.t.Error(err)
		return
	}
	own.conn = c
	s.live.Add(1)
	s.conns <- c
	go own.Resume()
}

// dial returns the two ends of a new connection.
func (s *parkingSite) dial(headers ...string) (*parkedClient, *transport.Conn) {
	s.t.Helper()
	addr := s.server.Listener.Addr()
	raw, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		s.t.Fatal(err)
	}
	c := &parkedClient{RawClient: kit.NewRaw(s.t, raw), tcp: raw}
	if s.server.TLS != nil {
		own := s.server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		own.ServerName = "example.com"
		c.RawClient = kit.NewRaw(s.t, tls.Client(raw, own))
	}
	in, resp, err := wire.Handshake(named{c.RawClient}, headers...)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		s.t.Fatalf("got %v, %v", resp, err)
	}
	c.in = in
	return c, kit.Receive(s.t, s.conns, "the server's end")
}

// named is a connection to a server whose name may stand in a Host header, unlike that of a unix socket.
type named struct{ net.Conn }

func (named) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// parked waits until that many connections are parked.
func (s *parkingSite) parked(n int) {
	s.t.Helper()
	s.until("parked", n, s.engine.Parked)
}

func (s *parkingSite) until(what string, n int, have func() int) {
	s.t.Helper()
	deadline := time.After(kit.Patience)
	for have() != n {
		select {
		case <-deadline:
			s.t.Fatalf("%d are %s, want %d", have(), what, n)
		case <-time.After(time.Millisecond):
		}
	}
}

// parkedClient is a client's end.
type parkedClient struct {
	*kit.RawClient
	tcp net.Conn
	in  *bufio.Reader
}

// hears reads the next frame.
func (c *parkedClient) hears(t *testing.T, first byte, payload string) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(kit.Patience))
	f, err := wire.ReadFrame(c.in)
	if err != nil || f.First != first || string(f.Payload) != payload {
		t.Fatalf("got frame %v, %v, want %x %q", f, err, first, payload)
	}
}

// echoes sends a text and hears it.
func (c *parkedClient) echoes(t *testing.T, text string) {
	t.Helper()
	c.Put(wire.Masked(wire.Text, []byte(text)))
	c.hears(t, wire.Text, text)
}

// closes ends the connection in good order.
func (s *parkingSite) closes(c *parkedClient) {
	s.t.Helper()
	c.Put(wire.Close(uint16(websocket.StatusNormalClosure), ""))
	if err := kit.Receive(s.t, s.ends, "the end"); err != nil {
		s.t.Errorf("the connection ended with %v, want nil", err)
	}
}

// onEachNetwork runs a test over each kind of socket that can be parked.
func onEachNetwork(t *testing.T, test func(t *testing.T, network string)) {
	for _, network := range []string{"tcp", "tls", "unix"} {
		t.Run(network, func(t *testing.T) { test(t, network) })
	}
}
