package abuse

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy is the network between a client and the server.
type proxy struct {
	addr string

	delay   time.Duration // of each segment, in each direction
	segment int           // most bytes of a segment from the client; 0 is no limit
	loss    float64       // of segments, each of which is sent again after another two delays

	hole chan struct{} // closed: from now on nothing arrives, and nobody is told
	quit chan struct{}
	ln   net.Listener
	all  sync.WaitGroup
}

// newProxy returns a proxy for one connection to the server.
func newProxy(t *testing.T, s *server, p *proxy) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.ln, p.addr = ln, ln.Addr().String()
	p.hole, p.quit = make(chan struct{}), make(chan struct{})
	p.all.Go(func() { p.serve(s.addr) })
	t.Cleanup(p.close)
	return p
}

func (p *proxy) close() {
	close(p.quit)
	p.ln.Close()
	p.all.Wait()
}

func (p *proxy) serve(to string) {
	client, err := p.ln.Accept()
	if err != nil {
		return
	}
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	p.all.Go(func() { p.carry(server, client, p.segment) })
	p.all.Go(func() { p.carry(client, server, 0) })
	<-p.quit
}

// parcel is a segment on its way.
type parcel struct {
	data []byte
	due  time.Time
}

// carry moves bytes in one direction until an end closes.
func (p *proxy) carry(to, from net.Conn, segment int) {
	way := make(chan parcel, 1024)
	p.all.Go(func() { p.deliver(to, way) })
	defer close(way)
	if segment == 0 {
		segment = 32 << 10
	}
	rnd := rand.New(rand.NewPCG(63, uint64(segment)))
	var last time.Time // TCP keeps the order
	for {
		buf := make([]byte, segment)
		n, err := from.Read(buf)
		select {
		case <-p.hole:
			<-p.quit
			return
		default:
		}
		if err != nil {
			return
		}
		due := time.Now().Add(p.delay)
		if rnd.Float64() < p.loss {
			due = due.Add(2 * p.delay)
		}
		if due.Before(last) {
			due = last
		}
		last = due
		select {
		case way <- parcel{buf[:n], due}:
		case <-p.quit:
			return
		}
	}
}

func (p *proxy) deliver(to net.Conn, way <-chan parcel) {
	defer to.Close()
	for parcel := range way {
		timer := time.NewTimer(time.Until(parcel.due))
		select {
		case <-timer.C:
		case <-p.quit:
			timer.Stop()
			return
		}
		to.SetWriteDeadline(time.Now().Add(patience))
		if _, err := to.Write(parcel.data); err != nil {
			return
		}
	}
}
