package redis_test

import (
	"net"
	"sync"
	"testing"
)

// proxy stands between brokers and a server.
type proxy struct {
	addr   string
	target string
	l      net.Listener
	tasks  sync.WaitGroup

	mu    sync.Mutex        // guards following
	moved *sync.Cond        // the state has changed
	held  map[int]bool      // numbers of connections, by the order in which they came
	all   bool              // all are held
	stuck int               // how many directions of connections have something that is held
	came  int               // how many connections have come
	conns map[net.Conn]bool // nil when the proxy is closed
}

func startProxy(t testing.TB, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), target: target, l: l, conns: map[net.Conn]bool{}, held: map[int]bool{}}
	p.moved = sync.NewCond(&p.mu)
	p.tasks.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) url() string { return "redis://" + p.addr }

func (p *proxy) accept() {
	for {
		from, err := p.l.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", p.target)
		if err != nil {
			from.Close()
			continue
		}
		number, ok := p.add(from, to)
		if !ok {
			return
		}
		p.tasks.Go(func() { p.copy(number, to, from) })
		p.tasks.Go(func() { p.copy(number, from, to) })
	}
}

func (p *proxy) add(conns ...net.Conn) (number int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.conns == nil {
			c.Close()
		} else {
			p.conns[c] = true
		}
	}
	p.came++
	return p.came, p.conns != nil
}

// copy forwards bytes, unless the proxy holds them.
func (p *proxy) copy(number int, to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if n > 0 && p.pass(number, from) {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

// pass waits while the proxy holds what it gets. It reports false if the connection was cut meanwhile.
func (p *proxy) pass(number int, from net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stuck++
	p.moved.Broadcast()
	for (p.all || p.held[number]) && p.conns[from] {
		p.moved.Wait()
	}
	p.stuck--
	return p.conns[from]
}

// awaitHeld waits until the proxy holds something.
func (p *proxy) awaitHeld() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stuck == 0 {
		p.moved.Wait()
	}
}

// hold lets nothing through, without a word to either side: on connections with these numbers, or else on all.
func (p *proxy) hold(numbers ...int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = len(numbers) == 0
	for _, number := range numbers {
		p.held[number] = true
	}
}

// count returns how many connections there are to the server.
func (p *proxy) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) / 2
}

// release lets through what was held, and what comes.
func (p *proxy) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = false
	clear(p.held)
	p.moved.Broadcast()
}

// cut ends all connections, with what was held.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
		delete(p.conns, c)
	}
	p.moved.Broadcast()
}

func (p *proxy) close() {
	p.l.Close()
	p.cut()
	p.mu.Lock()
	p.conns = nil
	p.mu.Unlock()
	p.tasks.Wait()
}
