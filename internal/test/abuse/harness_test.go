package abuse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

const (
	patience = 10 * time.Second       // for what has no limit of its own
	late     = 3 * time.Second        // for what should happen at once, on a busy machine
	short    = 300 * time.Millisecond // in place of the limits that a test waits for
	ratio    = 10                     // how many times its limit something may take
)

// guest is what the server knows about a connection: the name that its client chose, and the user, who may be nobody.
type guest struct{ name, user string }

func (g guest) UserID() string { return g.user }

type conn = wsgate.Conn[guest]

// hooks are what a test wants the attacked gateway to do. Without message it echoes.
type hooks struct {
	upgrade func(r *http.Request) error
	open    func(ctx context.Context, c *conn) error
	message func(ctx context.Context, c *conn, m wsgate.Message) error
	close   func(ctx context.Context, c *conn)
}

// entrance has what a gateway of messages and one of events have in common.
type entrance struct {
	hooks
	book *book
}

// gateway is one of messages.
type gateway struct{ entrance }

// eventful is a gateway of events.
type eventful struct {
	entrance
	events wsgate.Events[guest]
}

func (g *eventful) Events() wsgate.Events[guest] { return g.events }

func (g *entrance) OnUpgrade(r *http.Request) (guest, error) {
	q := r.URL.Query()
	d := guest{q.Get("name"), q.Get("user")}
	if g.upgrade == nil {
		return d, nil
	}
	return d, g.upgrade(r)
}

func (g *entrance) OnOpen(ctx context.Context, c *conn) error {
	if g.open != nil {
		if err := g.open(ctx, c); err != nil {
			return err
		}
	}
	g.book.of(c.Data.name).open()
	return nil
}

func (g *gateway) OnMessage(ctx context.Context, c *conn, m wsgate.Message) error {
	if g.message == nil {
		return c.Send(m)
	}
	return g.message(ctx, c, m)
}

func (g *entrance) OnClose(ctx context.Context, c *conn, err error) {
	g.book.of(c.Data.name).close(err)
	if g.close != nil {
		g.close(ctx, c)
	}
}

// book knows for each connection which hooks ran.
type book struct {
	mu      sync.Mutex // guards following
	entries map[string]*entry
}

type entry struct {
	opened, closed chan struct{} // closed by the first call of the hook

	mu     sync.Mutex // guards following
	opens  int
	causes []error // of each OnClose
}

func newBook() *book { return &book{entries: map[string]*entry{}} }

func (b *book) of(name string) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[name]
	if e == nil {
		e = &entry{opened: make(chan struct{}), closed: make(chan struct{})}
		b.entries[name] = e
	}
	return e
}

func (e *entry) open() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.opens++; e.opens == 1 {
		close(e.opened)
	}
}

func (e *entry) close(cause error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.causes = append(e.causes, cause); len(e.causes) == 1 {
		close(e.closed)
	}
}

func (e *entry) counts() (opens, closes int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.opens, len(e.causes)
}

// balance waits until OnClose ran once for each connection that was opened, and returns what is wrong otherwise.
func (b *book) balance() (wrong []string) {
	b.mu.Lock()
	entries := maps.Clone(b.entries)
	b.mu.Unlock()
	deadline := time.Now().Add(patience)
	for name, e := range entries {
		if opens, _ := e.counts(); opens > 0 {
			within(time.Until(deadline), e.closed)
		}
		if opens, closes := e.counts(); opens > 1 || closes != opens {
			wrong = append(wrong, fmt.Sprintf("connection %s: %d times opened, %d times closed", name, opens, closes))
		}
	}
	return wrong
}

// within waits for a channel to be closed, and reports whether it was.
func within(d time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// eventually waits for something that has no event of its own.
func eventually(d time.Duration, holds func() bool) bool {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(d); !holds(); <-poll.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// setup says what is attacked.
type setup struct {
	limits       wsgate.Limits // of the attacked route
	subprotocols []string
	hooks        hooks
	events       wsgate.Events[guest] // makes the attacked gateway one of events
	options      wsgate.Options
	routes       []wsgate.Route // beside the attacked one
	tls          *tls.Config

	loud bool   // warnings in the log belong to it
	most uint64 // bytes of heap that may be in use at any time, beside those at the start; 0 is 32 MiB
}

const (
	attacked = "/attacked" // the route of the bad clients
	home     = "/home"     // the route of the neighbours
)

// server is an App that is served by [wsgate.App.Serve], with its neighbours.
type server struct {
	setup
	t          *testing.T
	app        *wsgate.App
	addr       string
	book       *book // of all but the neighbours
	log        *kit.Log
	neighbours *neighbours
	goroutines int // with the neighbours at home
	memory     *memory

	stop    context.CancelFunc
	served  chan error
	mu      sync.Mutex // guards following
	clients int
}

// start serves an App until the end of the test, and then checks what holds for every row.
func start(t *testing.T, su setup) *server {
	t.Helper()
	if su.limits.Close == 0 {
		su.limits.Close = short // many rows end in the middle of a frame that the server waits for
	}
	s := &server{setup: su, t: t, book: newBook(), log: kit.NewLog(), served: make(chan error, 1)}
	door := entrance{su.hooks, s.book}
	var target any = func() *gateway { return &gateway{door} }
	if su.events != nil {
		target = func() *eventful { return &eventful{door, su.events} }
	}
	echo := &gateway{entrance{book: newBook()}}
	su.options.Logger = slog.New(s.log)
	app, err := wsgate.New(&wsgate.Module{Gateways: append([]wsgate.Route{
		{Path: attacked, New: target, Limits: &su.limits, Subprotocols: su.subprotocols},
		{Path: home, New: func() *gateway { return echo }},
	}, su.routes...)}, &su.options)
	if err != nil {
		t.Fatal(err)
	}
	s.app = app
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	if su.tls != nil {
		ln = tls.NewListener(ln, su.tls)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go func() { s.served <- app.Serve(ctx, ln) }()
	s.neighbours = moveIn(s, echo.book)
	s.memory = watchMemory()
	s.goroutines = fewestGoroutines()
	t.Cleanup(s.finish)
	return s
}

// finish checks that nothing is left of the bad clients, which are gone, and then that the neighbours did not notice.
func (s *server) finish() {
	t := s.t
	for _, wrong := range s.book.balance() {
		t.Error(wrong)
	}
	if s.neighbours.living() && !t.Failed() {
		if !eventually(patience, func() bool { return s.app.Hub().Len() == many }) {
			t.Errorf("%d connections are left beside the %d neighbours", s.app.Hub().Len()-many, many)
		}
		if !eventually(patience, func() bool { return runtime.NumGoroutine() <= s.goroutines }) {
			t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), s.goroutines, stacks())
		}
	}
	s.memory.check(t, s.setup.most)
	s.neighbours.moveOut(t, s.memory.paused())
	s.stop()
	if err := s.end(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if lines := logged(s.log); len(lines) > 0 && !s.loud {
		t.Errorf("the log has %q", lines)
	}
}

// end waits for Serve.
func (s *server) end() error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-s.served:
		s.served <- err
		return err
	case <-timer.C:
		return errors.New("does not return")
	}
}

// name returns a name that no other client has.
func (s *server) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients++
	return fmt.Sprint("c", s.clients)
}

// logged returns the lines of a log, but for the audit of limits that a test has set.
func logged(l *kit.Log) []string {
	return slices.DeleteFunc(l.With(), func(line string) bool { return strings.Contains(line, "wsgate: audit: ") })
}

// stacks returns the stacks of all goroutines that are inside this module.
func stacks() string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var own []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		if strings.Contains(stack, "wsgate") || strings.Contains(stack, "net/http") {
			own = append(own, stack)
		}
	}
	return strings.Join(own, "\n\n")
}
