package nats_test

import (
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
)

// proxy stands between brokers and a server. It can swallow everything, as a network does that has lost a route.
type proxy struct {
	listener net.Listener
	server   string
	running  sync.WaitGroup

	mu    sync.Mutex // guards following
	conns []net.Conn
	open  chan struct{} // closed unless everything is swallowed
	ended bool
}

func newProxy(t testing.TB, e *engine) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", freePort(t)))
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: e.Addr().String(), open: make(chan struct{})}
	close(p.open)
	p.running.Go(p.accept)
	t.Cleanup(p.end)
	return p
}

func (p *proxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *proxy) end() {
	p.listener.Close()
	p.restore()
	p.mu.Lock()
	p.ended = true
	for _, c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// swallow stops everything, without closing a connection. New ones are accepted, and get no answer either.
func (p *proxy) swallow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = make(chan struct{})
}

// restore forwards again, what was on its way as well.
func (p *proxy) restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.open:
	default:
		close(p.open)
	}
}

func (p *proxy) gate() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// keep has the connection closed in the end. It reports false if that is now.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		c.Close()
		return false
	}
	p.conns = append(p.conns, c)
	return true
}

// say has every broker hear something from the server that the server has not said.
func (p *proxy) say(line string) {
	p.mu.Lock()
	conns := slices.Clone(p.conns)
	p.mu.Unlock()
	for _, c := range conns {
		if c.LocalAddr().String() == p.listener.Addr().String() {
			_, _ = c.Write([]byte(line))
		}
	}
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.keep(client) {
			p.running.Go(func() { p.serve(client) })
		}
	}
}

func (p *proxy) serve(client net.Conn) {
	<-p.gate()
	upstream, err := net.Dial("tcp", p.server)
	if err != nil {
		client.Close()
		return
	}
	if p.keep(upstream) {
		p.running.Go(func() { p.forward(client, upstream) })
		p.forward(upstream, client)
	}
}

// Dial makes the proxy a dialer of connections that take not a byte while everything is swallowed. Without it the system
// takes what its buffers have room for.
func (p *proxy) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	return &stuckConn{Conn: c, proxy: p}, err
}

// stuckConn is for one goroutine at a time that writes.
type stuckConn struct {
	net.Conn
	proxy    *proxy
	deadline time.Time
}

func (c *stuckConn) SetWriteDeadline(at time.Time) error {
	c.deadline = at
	return nil
}

func (c *stuckConn) Write(p []byte) (int, error) {
	late := time.NewTimer(time.Until(c.deadline))
	defer late.Stop()
	open := c.proxy.gate()
	select {
	case <-open:
		return c.Conn.Write(p)
	default:
	}
	select {
	case <-open:
		return c.Conn.Write(p)
	case <-late.C:
		return 0, os.ErrDeadlineExceeded
	}
}

func (p *proxy) forward(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		<-p.gate()
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// TestGivenUp has the server end a connection with an error after which nats.go gives up, which the Broker does not.
func TestGivenUp(t *testing.T) {
	e := newEngine(t, nil)
	p := newProxy(t, e)
	closed := make(chan struct{}, 10)
	a := connect(t, p.url(), natsgo.ClosedHandler(func(*natsgo.Conn) { closed <- struct{}{} }))
	states := watch(t, a)
	states.up(t)
	b := node(t, e.url())
	var topics []<-chan string
	for i := range 100 {
		messages, _ := subscribe(t, a, fmt.Sprint("topic.", i))
		topics = append(topics, messages)
	}
	for round := range 3 {
		p.say("-ERR 'Never Heard Of'\r\n")
		states.down(t)
		<-closed
		states.up(t)
		for i, messages := range topics {
			publish(t, b, fmt.Sprint("topic.", i), fmt.Sprint(round))
			expect(t, messages, fmt.Sprint(round))
		}
	}
}
