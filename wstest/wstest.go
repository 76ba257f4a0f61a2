// Package wstest tests gateways without a network. It builds the real module, with the real constructors, hooks and
// middleware, and connects clients to it in memory.
//
//	func TestSay(t *testing.T) {
//		app := wstest.New(t, chat.Module, wstest.Replace[chat.Store](newFakeStore()))
//		ann := app.Dial("/chat/go?name=ann")
//		bob := app.Dial("/chat/go?name=bob")
//
//		wstest.Send(bob, chat.Say, "hello")
//
//		if got, want := wstest.Next(ann, chat.Said), (chat.Line{From: "bob", Text: "hello"}); got != want {
//			t.Errorf("got %v, want %v", got, want)
//		}
//	}
//
// Whatever a test did not expect ends it by t.Fatal, with a line like
//
//	got event "error" {"code":"denied","message":"no"}, want "said"
//
// So most of the functions here return no error. Like t.Fatal, they must be called on the goroutine of the test that
// [New] was given. A subtest makes its own App.
//
// # Time
//
// Everything also works in a bubble of [testing/synctest], where time is fake: a test of heartbeats, slow clients or
// shutdowns takes no longer than its computing. A handler learns of its connection's end a millisecond or two later;
// in a bubble, this time must pass.
package wstest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/testkit"
)

// App is an App under test.
type App struct {
	*wsgate.App

	t       testing.TB
	timeout time.Duration
	routes  *http.ServeMux // matches paths to routes
	infos   map[string]wsgate.RouteInfo
	clients clients
}

// An Option changes what [New] builds.
type Option func(*config)

type config struct {
	options wsgate.Options
	swaps   []testkit.Swap
	timeout time.Duration
}

// Replace replaces the service T that the modules provide with v, in all of them. T's own constructor is not called,
// unless something else that it provides is needed.
func Replace[T any](v T) Option {
	swap := testkit.Swap{Decorator: func() T { return v }, Pos: mistake.Caller(1)}
	return func(c *config) { c.swaps = append(c.swaps, swap) }
}

// With builds the App with these Options. Without a Logger, or without With, the log goes to the test's output. If
// there are Hosts, example.com, which clients dial, is added to them.
func With(options *wsgate.Options) Option {
	return func(c *config) {
		c.options = *options
		if len(options.Hosts) > 0 {
			c.options.Hosts = append(slices.Clip(options.Hosts), memory.Host)
		}
	}
}

// Timeout sets how long to wait for what a test expects. The default is 10 s. In a bubble of testing/synctest it is an
// hour of the bubble's time, which passes in a moment when nothing else happens any more.
func Timeout(d time.Duration) Option {
	return func(c *config) { c.timeout = d }
}

// New builds and starts an App of the module, and shuts it down at the end of the test. Any mistake that [wsgate.New]
// finds ends the test. So does a gateway's method whose name is nearly that of a hook, such as OnMesage.
func New(t testing.TB, module *wsgate.Module, options ...Option) *App {
	t.Helper()
	c := config{timeout: 10 * time.Second}
	if inBubble() {
		c.timeout = time.Hour
	}
	for _, option := range options {
		option(&c)
	}
	if c.options.Logger == nil {
		c.options.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	built, err := testkit.Build(module, &c.options, c.swaps)
	if err != nil {
		t.Fatal(err)
	}
	a := &App{App: built.(*wsgate.App), t: t, timeout: c.timeout, routes: http.NewServeMux(), infos: map[string]wsgate.RouteInfo{}}
	var mistakes []error
	for _, info := range a.Routes() {
		mistakes = append(mistakes, nearHooks(info.Gateway)...)
		a.routes.Handle(info.Path, http.NotFoundHandler())
		a.infos[info.Path] = info
	}
	if len(mistakes) > 0 {
		t.Fatal(errors.Join(mistakes...))
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.stop)
	return a
}

// stop closes the clients and shuts down the App.
func (a *App) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), a.timeout)
	defer cancel()
	a.clients.breakAll()
	if err := a.Shutdown(ctx); err != nil {
		a.t.Errorf("wstest: the App did not shut down within %v: %v: does a hook ignore its context?", a.timeout, err)
	}
}
