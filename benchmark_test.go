package wsgate_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// The benchmarks measure the library's own part of what each message and each connection costs. `make bench-compare`
// compares two commits by them; `make bench` measures the whole, over TCP and with clients.

// sinks are connections that take at once what is written to them, and forget it. So no client and no network is part
// of what is measured. They have nothing to read.
type sinks struct {
	app    *kit.App
	opened chan *kit.Conn
	closed chan struct{} // gets a value for each OnClose

	due     atomic.Int64  // how many more writes are awaited
	written chan struct{} // gets a value when there were as many
}

// sink is the server's end of a connection. The pipe behind it is for all but writing.
type sink struct {
	net.Conn
	all *sinks
}

func (s *sink) Write(p []byte) (int, error) {
	if s.all.due.Add(-1) == 0 {
		s.all.written <- struct{}{}
	}
	return len(p), nil
}

// newSinks serves a gateway to sinks. Its hooks are set here.
func newSinks(b *testing.B, hooks *kit.Hooks, r wsgate.Route) *sinks {
	b.Helper()
	s := &sinks{opened: make(chan *kit.Conn, 1), closed: make(chan struct{}, 1), written: make(chan struct{}, 1)}
	hooks.Upgrade = func(*http.Request) (kit.Data, error) { return kit.Data{}, nil }
	hooks.Open = func(_ context.Context, c *kit.Conn) error {
		s.opened <- c
		return nil
	}
	hooks.Close = func(context.Context, *kit.Conn, error) { s.closed <- struct{}{} }
	s.app = kit.NewApp(b, &wsgate.Options{Limits: wsgate.Limits{Ping: time.Hour}}, r) // a ping would be one more write
	return s
}

// upgradeRequest returns what a client sends that connects.
func upgradeRequest() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	return r
}

// upgrader is the http.ResponseWriter of an upgrade to a connection that exists already.
type upgrader struct {
	header http.Header
	conn   net.Conn
}

func (u *upgrader) Header() http.Header         { return u.header }
func (u *upgrader) Write(p []byte) (int, error) { return len(p), nil }
func (u *upgrader) WriteHeader(int)             {}

func (u *upgrader) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	const smallest = 16 // bytes: nothing was sent along with the request
	return u.conn, bufio.NewReadWriter(bufio.NewReaderSize(u.conn, smallest), bufio.NewWriterSize(u.conn, smallest)), nil
}

// connect upgrades a request and returns the connection when its OnOpen runs. The client hangs up by hangUp.
func (s *sinks) connect(r *http.Request) (c *kit.Conn, hangUp func() error) {
	client, server := net.Pipe()
	s.app.ServeHTTP(&upgrader{http.Header{}, &sink{server, s}}, r)
	return <-s.opened, client.Close
}

// crowd connects n sinks until the end of the benchmark.
func (s *sinks) crowd(b *testing.B, n int) (conns []*kit.Conn) {
	b.Helper()
	for range n {
		c, hangUp := s.connect(upgradeRequest())
		conns = append(conns, c)
		b.Cleanup(func() {
			hangUp()
			<-s.closed
		})
	}
	return conns
}

// await does something that has n messages written, and returns when they are.
func (s *sinks) await(n int, do func()) {
	s.due.Store(int64(n))
	do()
	<-s.written
}

// loop is b.Loop. It reports the time of the processor as well, which is the same when the machine has other work.
func loop(b *testing.B, f func()) {
	b.ReportAllocs()
	begun := processorTime()
	for b.Loop() {
		f()
	}
	if took := processorTime() - begun; took > 0 {
		b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "cpu-ns/op")
	}
}

type benchPayload struct {
	Room string   `json:"room"`
	From string   `json:"from"`
	N    int      `json:"n"`
	Tags []string `json:"tags"`
}

const benchEvent wsgate.Event[benchPayload] = "said"

// An event is emitted, and is written to everybody. A sink is written to as a TLS connection is, by a goroutine of its own.
func BenchmarkEmit(b *testing.B) {
	payload := benchPayload{"general", "ann", 7, []string{"a", "b"}}
	emit := func(b *testing.B, s *sinks, receivers int, to wsgate.Target) {
		emitOne := func() {
			if err := benchEvent.Emit(to, payload); err != nil {
				b.Fatal(err)
			}
		}
		loop(b, func() { s.await(receivers, emitOne) })
	}
	b.Run("to=conn", func(b *testing.B) {
		g := &kit.EventGateway{}
		s := newSinks(b, &g.Hooks, kit.RouteTo("/", g))
		emit(b, s, 1, s.crowd(b, 1)[0])
	})
	b.Run("to=room/members=1000", func(b *testing.B) {
		const members = 1000
		g := &kit.EventGateway{}
		s := newSinks(b, &g.Hooks, kit.RouteTo("/", g))
		for _, c := range s.crowd(b, members) {
			if err := c.Join("general"); err != nil {
				b.Fatal(err)
			}
		}
		emit(b, s, members, s.app.Hub().At("/").Room("general"))
	})
}

// A message that was read is handled.
func BenchmarkDispatch(b *testing.B) {
	handled := 0
	raw := &kit.MessageGateway{Message: func(context.Context, *kit.Conn, wsgate.Message) error { handled++; return nil }}
	events := &kit.EventGateway{Table: wsgate.Events[kit.Data]{
		wsgate.On(benchEvent, func(context.Context, *kit.Conn, benchPayload) error { handled++; return nil }),
		wsgate.Answer(wsgate.Call[benchPayload, int]("count"), func(context.Context, *kit.Conn, benchPayload) (int, error) {
			handled++
			return handled, nil
		}),
	}}
	const fields = `"room":"general","from":"ann","n":7,"tags":["a","b"]}`
	for _, bench := range []struct {
		name    string
		hooks   *kit.Hooks
		route   wsgate.Route
		text    string
		answers int
	}{
		{"kind=raw", &raw.Hooks, kit.RouteTo("/", raw), "hello", 0},
		{"kind=event", &events.Hooks, kit.RouteTo("/", events), `{"type":"said",` + fields, 0},
		{"kind=call", &events.Hooks, kit.RouteTo("/", events), `{"type":"count","id":"1",` + fields, 1},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s := newSinks(b, bench.hooks, bench.route)
			c, m := s.crowd(b, 1)[0], wsgate.Text(bench.text)
			dispatch := func() { wsgate.Receive(c, m) }
			handled = 0
			if bench.answers > 0 {
				loop(b, func() { s.await(bench.answers, dispatch) })
			} else {
				loop(b, dispatch)
			}
			if handled != b.N {
				b.Errorf("%d messages were handled, want %d", handled, b.N)
			}
		})
	}
}

// A connection joins a room and leaves it.
func BenchmarkJoinLeave(b *testing.B) {
	for _, members := range []int{0, 1000} { // of a room without others the set is made, and goes away
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			g := &kit.EventGateway{}
			s := newSinks(b, &g.Hooks, kit.RouteTo("/", g))
			conns := s.crowd(b, 1+members)
			for _, c := range conns[1:] {
				if err := c.Join("general"); err != nil {
					b.Fatal(err)
				}
			}
			c := conns[0]
			loop(b, func() {
				if err := c.Join("general"); err != nil {
					b.Fatal(err)
				}
				c.Leave("general")
			})
		})
	}
}

// A request is upgraded, OnOpen runs, the client hangs up, and OnClose runs.
func BenchmarkAccept(b *testing.B) {
	g := &kit.EventGateway{}
	s := newSinks(b, &g.Hooks, kit.RouteTo("/", g))
	r := upgradeRequest()
	loop(b, func() {
		_, hangUp := s.connect(r)
		hangUp()
		<-s.closed
	})
}
