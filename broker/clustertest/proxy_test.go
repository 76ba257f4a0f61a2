package clustertest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// proxy is the network between a node and its engine.
type proxy struct {
	addr    string
	to      string
	delay   time.Duration // of everything, in each direction
	ln      net.Listener
	quit    chan struct{}
	running sync.WaitGroup

	mu    sync.Mutex // guards following
	conns map[net.Conn]struct{}
	hole  chan struct{} // while it is not closed nothing comes through, and nobody is told; nil if there is none
}

// newProxy returns a proxy that ends with the test.
func newProxy(t testing.TB, to string, delay time.Duration) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: ln.Addr().String(), to: to, delay: delay, ln: ln, quit: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	p.running.Go(p.serve)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) close() {
	close(p.quit)
	p.ln.Close()
	p.mu.Lock()
	for conn := range p.conns {
		conn.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// swallow has the network lose everything from now on, until the function is called that it returns: then whatever the
// ends still have to send to each other goes through, as TCP sends it again.
func (p *proxy) swallow() (end func()) {
	hole := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hole = hole
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hole = nil
		close(hole)
	}
}

// pass waits as long as there is a hole. It reports false if the proxy ends.
func (p *proxy) pass() bool {
	p.mu.Lock()
	hole := p.hole
	p.mu.Unlock()
	if hole == nil {
		return true
	}
	select {
	case <-hole:
		return true
	case <-p.quit:
		return false
	}
}

func (p *proxy) serve() {
	for {
		client, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.join(client) })
	}
}

// join carries a connection until it ends.
func (p *proxy) join(client net.Conn) {
	defer client.Close()
	if !p.pass() {
		return
	}
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.keep(client, server) {
		return
	}
	defer p.forget(client, server)
	var both sync.WaitGroup
	both.Go(func() { p.carry(server, client) })
	both.Go(func() { p.carry(client, server) })
	both.Wait()
}

// keep has close close the connections. It reports false if the proxy has ended.
func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.quit:
		return false
	default:
	}
	for _, conn := range conns {
		p.conns[conn] = struct{}{}
	}
	return true
}

func (p *proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		delete(p.conns, conn)
	}
}

// parcel is a piece of a stream.
type parcel struct {
	data []byte
	due  time.Time
}

// carry carries a stream in one direction, its end as well.
func (p *proxy) carry(to, from net.Conn) {
	way := make(chan parcel, 1024)
	var delivering sync.WaitGroup
	delivering.Go(func() { p.deliver(to, way) })
	defer delivering.Wait()
	defer close(way)
	for {
		buf := make([]byte, 32<<10)
		n, err := from.Read(buf)
		way <- parcel{buf[:n], time.Now().Add(p.delay)}
		if err != nil {
			return
		}
	}
}

// deliver closes the connection behind the last parcel, or when it takes no more, and goes on taking parcels.
func (p *proxy) deliver(to net.Conn, way <-chan parcel) {
	defer func() {
		to.Close()
		for range way {
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for parcel := range way {
		if p.delay > 0 {
			timer.Reset(time.Until(parcel.due))
			select {
			case <-timer.C:
			case <-p.quit:
				return
			}
		}
		if !p.pass() {
			return
		}
		if _, err := to.Write(parcel.data); err != nil {
			return
		}
	}
}

// TestProxy holds the proxy to what the other tests take for granted.
func TestProxy(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	const delay = 100 * time.Millisecond
	p := newProxy(t, ln.Addr().String(), delay)
	near, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	carry := func(from, to net.Conn) {
		t.Helper()
		buf := make([]byte, 5)
		if _, err := from.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		_ = to.SetReadDeadline(time.Now().Add(patience))
		if _, err := to.Read(buf); err != nil || string(buf) != "hello" {
			t.Fatalf("got %q, %v, want hello", buf, err)
		}
	}
	for _, ends := range [][2]net.Conn{{near, far}, {far, near}} {
		if took := timed(func() { carry(ends[0], ends[1]) }); took < delay {
			t.Errorf("got a message after %v, want %v or more", took, delay)
		}
		end := p.swallow()
		if _, err := ends[0].Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		_ = ends[1].SetReadDeadline(time.Now().Add(3 * delay))
		if n, err := ends[1].Read(make([]byte, 5)); err == nil {
			t.Errorf("got %d bytes while everything is swallowed, want none", n)
		}
		end()
		_ = ends[1].SetReadDeadline(time.Now().Add(patience))
		if _, err := ends[1].Read(make([]byte, 5)); err != nil {
			t.Errorf("got %v after that, want what was sent", err)
		}
	}
	near.Close()
	_ = far.SetReadDeadline(time.Now().Add(patience))
	if _, err := far.Read(make([]byte, 1)); err == nil {
		t.Error("got a byte after the other end has closed, want the end")
	}
}
