package cluster_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/wstest"
)

// user is whose connection it is.
type user struct{ name string }

func (u user) UserID() string { return u.name }

// gateway has its clients join rooms.
type gateway struct{ closing chan struct{} }

const (
	enter wsgate.Event[string] = "enter" // a room
	heard wsgate.Event[string] = "heard"
)

func (*gateway) OnUpgrade(r *http.Request) (user, error) { return user{r.FormValue("name")}, nil }

func (*gateway) Events() wsgate.Events[user] {
	return wsgate.Events[user]{
		wsgate.On(enter, func(_ context.Context, c *wsgate.Conn[user], room string) error { return c.Join(room) }),
	}
}

// OnClose waits until it may return, if a test wants that.
func (g *gateway) OnClose(context.Context, *wsgate.Conn[user], error) {
	if g.closing != nil {
		<-g.closing
	}
}

func moduleOf(g *gateway) *wsgate.Module {
	return &wsgate.Module{Gateways: []wsgate.Route{{Path: "/ws", New: func() *gateway { return g }}}}
}

// app is an App that is a node of a cluster.
type app struct {
	*wstest.App
	broker *strictBroker
	log    *logged
}

// startApps starts Apps on one engine.
func startApps(t testing.TB, engine *local.Broker, count int, options ...func(*wsgate.Options)) (apps []app) {
	t.Helper()
	for range count {
		a := app{broker: newStrictBroker(t, engine), log: &logged{}}
		o := &wsgate.Options{Broker: a.broker, Logger: slog.New(a.log)}
		for _, option := range options {
			option(o)
		}
		a.App = wstest.New(t, moduleOf(&gateway{}), wstest.With(o))
		apps = append(apps, a)
	}
	pass(0)
	return apps
}

// in returns the room of the gateway's with that name.
func (a app) in(room string) wsgate.Room { return a.Hub().At("/ws").Room(room) }

// logged is what an App has logged as a warning or an error.
type logged struct {
	mu    sync.Mutex // guards following
	lines []string
}

func (l *logged) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (l *logged) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *logged) WithGroup(string) slog.Handler                    { return l }

func (l *logged) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

// with returns the lines with that word.
func (l *logged) with(word string) (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, word) {
			lines = append(lines, line)
		}
	}
	return lines
}
