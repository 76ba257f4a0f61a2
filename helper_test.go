package wsgate_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
)

// patience bounds what a test waits for. In a bubble of testing/synctest it costs nothing; it is longer than every
// default limit.
const patience = 3 * time.Minute

// testData is what each connection of a test gateway has of its own.
type testData struct {
	name  string
	notes []string
}

type testConn = wsgate.Conn[testData]

// testHooks are a gateway's hooks as functions. Those that are nil do nothing.
type testHooks struct {
	upgrade func(r *http.Request) (testData, error)
	open    func(ctx context.Context, c *testConn) error
	close   func(ctx context.Context, c *testConn, err error)
}

func (h *testHooks) OnUpgrade(r *http.Request) (testData, error) {
	if h.upgrade == nil {
		return testData{name: r.FormValue("name")}, nil
	}
	return h.upgrade(r)
}

func (h *testHooks) OnOpen(ctx context.Context, c *testConn) error {
	if h.open == nil {
		return nil
	}
	return h.open(ctx, c)
}

func (h *testHooks) OnClose(ctx context.Context, c *testConn, err error) {
	if h.close != nil {
		h.close(ctx, c, err)
	}
}

// messageGateway takes messages as they are. Without a function it sends them back.
type messageGateway struct {
	testHooks
	message func(ctx context.Context, c *testConn, m wsgate.Message) error
}

func (g *messageGateway) OnMessage(ctx context.Context, c *testConn, m wsgate.Message) error {
	if g.message == nil {
		return c.Send(m)
	}
	return g.message(ctx, c, m)
}

// eventGateway takes typed events.
type eventGateway struct {
	testHooks
	table wsgate.Events[testData]
}

func (g *eventGateway) Events() wsgate.Events[testData] { return g.table }

// routeTo returns a route to a gateway that exists already.
func routeTo[G any](path string, g *G) wsgate.Route {
	return wsgate.Route{Path: path, New: func() *G { return g }}
}

// testApp is an App with a log that tests can look into.
type testApp struct {
	*wsgate.App
	log       *testLog
	stopFails bool // a function of OnStop fails, of which every Shutdown tells
}

// newApp builds an App with the routes. It is shut down at the end of the test, which fails if that does not succeed.
func newApp(t testing.TB, opts *wsgate.Options, routes ...wsgate.Route) *testApp {
	t.Helper()
	return newAppOf(t, opts, &wsgate.Module{Gateways: routes})
}

func newAppOf(t testing.TB, opts *wsgate.Options, root *wsgate.Module) *testApp {
	t.Helper()
	var o wsgate.Options
	if opts != nil {
		o = *opts
	}
	log := &testLog{serving: make(chan struct{})}
	o.Logger = slog.New(log)
	app, err := wsgate.New(root, &o)
	if err != nil {
		t.Fatal(err)
	}
	a := &testApp{App: app, log: log}
	t.Cleanup(func() {
		if err := a.shutdown(); err != nil && !a.stopFails {
			t.Errorf("Shutdown at the end of the test: %v", err)
		}
	})
	return a
}

// shutdown shuts the App down and returns what Shutdown returns.
func (a *testApp) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return a.Shutdown(ctx)
}

// testLog is a slog.Handler that keeps what is logged at warning level and above.
type testLog struct {
	serving chan struct{} // closed when Serve says that it serves
	mu      sync.Mutex    // guards following
	lines   []string
}

func (l *testLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l *testLog) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *testLog) WithGroup(string) slog.Handler                    { return l }

func (l *testLog) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		if strings.Contains(r.Message, "serving") {
			close(l.serving)
		}
		return nil
	}
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	if id, ok := ctx.Value(traceKey{}).(string); ok {
		line += " trace=" + id
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

// with returns the lines that contain all of the words.
func (l *testLog) with(words ...string) (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			lines = append(lines, line)
		}
	}
	return lines
}

// journal is a list of what happened, in order.
type journal struct {
	mu    sync.Mutex // guards following
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

// want fails the test unless exactly this has happened.
func (j *journal) want(t testing.TB, want ...string) {
	t.Helper()
	if got := j.all(); !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// bubble runs a subtest in fake time.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// receive waits for a value.
func receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case v := <-ch:
		return v
	case <-ctx.Done():
		t.Fatalf("waited too long for %s", what)
		panic("unreachable")
	}
}
