package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// life makes modules whose services note their start and stop. What is registered under "start a" or "stop a" runs in
// place of returning nil.
type life struct {
	happened kit.Journal
	instead  map[string]func(ctx context.Context) error
}

type (
	partA struct{ _ int }
	partB struct{ _ int }
	partC struct{ _ int }
)

func (l *life) register(lc *wsgate.Lifecycle, name string) {
	run := func(what string) func(context.Context) error {
		return func(ctx context.Context) error {
			l.happened.Add("%s", what)
			if f := l.instead[what]; f != nil {
				return f(ctx)
			}
			return nil
		}
	}
	lc.OnStart(run("start " + name))
	lc.OnStop(run("stop " + name))
}

// module has three services that need each other, in an order that is not that of the list, and a gateway.
func (l *life) module() *wsgate.Module {
	return &wsgate.Module{
		Provide: []any{
			func(lc *wsgate.Lifecycle, _ *partB) *partC { l.register(lc, "c"); return &partC{} },
			func(lc *wsgate.Lifecycle) *partA { l.register(lc, "a"); return &partA{} },
			func(lc *wsgate.Lifecycle, _ *partA) *partB { l.register(lc, "b"); return &partB{} },
		},
		Gateways: []wsgate.Route{kit.RouteTo("/ws", &kit.MessageGateway{
			Hooks: kit.Hooks{
				Open:  func(context.Context, *kit.Conn) error { l.happened.Add("OnOpen"); return nil },
				Close: func(context.Context, *kit.Conn, error) { <-time.After(time.Second); l.happened.Add("OnClose") },
			},
			Message: func(context.Context, *kit.Conn, wsgate.Message) error { <-time.After(3 * time.Second); return nil },
		})},
	}
}

// start starts the App with a minute for it.
func start(t testing.TB, a *kit.App) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return a.Start(ctx)
}

func TestLifecycleOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l life
		app := kit.NewAppOf(t, nil, l.module())
		for range 2 {
			resp := kit.DialRefused(t, app, "/ws", nil)
			if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
				t.Errorf("before Start: got status %d, header %v, want 503 with Retry-After", resp.StatusCode, resp.Header)
			}
		}
		if lines := app.Log.With("App.Start"); len(lines) != 1 {
			t.Errorf("logged %q, want a hint, once", lines)
		}
		if err := start(t, app); err != nil {
			t.Fatal(err)
		}
		if err := start(t, app); err == nil {
			t.Error("a second Start succeeds")
		}
		c := kit.Dial(t, app, "/ws")
		go c.Rest()
		synctest.Wait()
		if err := app.End(); err != nil {
			t.Error(err)
		}
		if err := app.End(); err != nil {
			t.Error(err)
		}
		l.happened.Want(t, "start a", "start b", "start c", "OnOpen", "OnClose", "stop c", "stop b", "stop a")
		if err := start(t, app); err == nil {
			t.Error("Start after Shutdown succeeds")
		}
	})
}

func TestStartFails(t *testing.T) {
	failed := errors.New("no database")
	tests := []struct {
		name    string
		instead map[string]func(context.Context) error
		want    []string // in the error
		is      error
	}{
		{"error", map[string]func(context.Context) error{
			"start b": func(context.Context) error { return failed },
		}, []string{"OnStart at ", "lifecycle_test.go:", "no database"}, failed},
		{"panic", map[string]func(context.Context) error{
			"start b": func(context.Context) error { panic("oh no") },
		}, []string{"OnStart at ", "lifecycle_test.go:", "oh no"}, nil},
		{"time", map[string]func(context.Context) error{
			"start b": func(ctx context.Context) error { <-time.After(2 * time.Minute); return ctx.Err() },
		}, []string{"OnStart at ", "lifecycle_test.go:"}, context.DeadlineExceeded},
		{"and the stop fails", map[string]func(context.Context) error{
			"start b": func(context.Context) error { return failed },
			"stop a":  func(context.Context) error { return errors.New("cannot stop") },
		}, []string{"no database", "OnStop at ", "cannot stop"}, failed},
	}
	for _, test := range tests {
		kit.Bubble(t, test.name, func(t *testing.T) {
			l := life{instead: test.instead}
			app := kit.NewAppOf(t, nil, l.module())
			app.StopFails = test.instead["stop a"] != nil
			begun := time.Now()
			err := start(t, app)
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("Start took %v", took)
			}
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got error %v, want %q in it", err, want)
				}
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("got error %v, want it to wrap %v", err, test.is)
			}
			synctest.Wait()
			if resp := kit.DialRefused(t, app, "/ws", nil); resp.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("got status %d, want 503", resp.StatusCode)
			}
			app.End()
			l.happened.Want(t, "start a", "start b", "stop a")
			wstest.Pass(2 * time.Minute)
		})
	}
	// What had started gets time to stop, although there was none left to start.
	kit.Bubble(t, "stop after the time for the start is over", func(t *testing.T) {
		var stopped error
		l := life{instead: map[string]func(context.Context) error{
			"start b": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			"stop a": func(ctx context.Context) error {
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
				stopped = ctx.Err()
				return stopped
			},
		}}
		app := kit.NewAppOf(t, nil, l.module())
		if err := start(t, app); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v", err)
		}
		synctest.Wait()
		if l.happened.Want(t, "start a", "start b", "stop a"); stopped != nil {
			t.Errorf("the stop function had no time: %v", stopped)
		}
	})
}

func TestStopFails(t *testing.T) {
	failed := errors.New("cannot stop")
	tests := []struct {
		name    string
		instead func(ctx context.Context) error
		want    string
		is      error
		took    time.Duration
	}{
		{"error", func(context.Context) error { return failed }, "cannot stop", failed, 0},
		{"panic", func(context.Context) error { panic("oh no") }, "oh no", nil, 0},
		{"time, heeding its context", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "", context.DeadlineExceeded, 5 * time.Second},
		{"time, ignoring its context", func(context.Context) error { <-time.After(time.Hour); return nil }, "", context.DeadlineExceeded, 5 * time.Second},
	}
	for _, test := range tests {
		kit.Bubble(t, test.name, func(t *testing.T) {
			l := life{instead: map[string]func(context.Context) error{"stop b": test.instead}}
			app := kit.NewAppOf(t, nil, l.module())
			app.StopFails = true
			if err := start(t, app); err != nil {
				t.Fatal(err)
			}
			took, err := shutdownWithin(app, 5*time.Second)
			if took != test.took || err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "lifecycle_test.go:") {
				t.Errorf("Shutdown: %v after %v, want %q after %v", err, took, test.want, test.took)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("Shutdown: %v, want it to wrap %v", err, test.is)
			}
			synctest.Wait()
			l.happened.Want(t, "start a", "start b", "start c", "stop c", "stop b", "stop a")
			wstest.Pass(2 * time.Hour)
		})
	}
	// OnStop functions run, though without time, also when connections have used it up.
	kit.Bubble(t, "no time is left", func(t *testing.T) {
		var l life
		app := kit.NewAppOf(t, nil, l.module())
		if err := start(t, app); err != nil {
			t.Fatal(err)
		}
		c := kit.Dial(t, app, "/ws")
		c.Say("work for 3 s")
		synctest.Wait()
		if _, err := shutdownWithin(app, time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		wstest.Pass(time.Minute)
		got := l.happened.All()
		slices.Sort(got)
		if want := []string{"OnClose", "OnOpen", "start a", "start b", "start c", "stop a", "stop b", "stop c"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// OnStart after the start could never run: that is a mistake of the program.
func TestOnStartTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lc *wsgate.Lifecycle
		var happened kit.Journal
		app := kit.NewAppOf(t, nil, &wsgate.Module{Provide: []any{func(l *wsgate.Lifecycle) *partA { lc = l; return &partA{} }}})
		if err := start(t, app); err != nil {
			t.Fatal(err)
		}
		lc.OnStop(func(context.Context) error { happened.Add("stop"); return nil })
		func() {
			defer func() {
				if v := recover(); !strings.Contains(fmt.Sprint(v), "OnStart") {
					t.Errorf("got panic %v", v)
				}
			}()
			lc.OnStart(func(context.Context) error { return nil })
		}()
		if err := app.End(); err != nil {
			t.Error(err)
		}
		happened.Want(t, "stop")
	})
}

// Shutdown ends a Start that is under way, and waits for it: what has started is stopped, in the reverse order.
func TestShutdownWhileStarting(t *testing.T) {
	kit.Bubble(t, "a start function heeds its context", func(t *testing.T) {
		l := life{instead: map[string]func(context.Context) error{
			"start b": func(ctx context.Context) error {
				<-ctx.Done()
				if cause := context.Cause(ctx); cause != wsgate.ErrShutdown {
					t.Errorf("got cause %v, want ErrShutdown", cause)
				}
				return context.Cause(ctx)
			},
		}}
		app := kit.NewAppOf(t, nil, l.module())
		started := make(chan error, 1)
		go func() { started <- start(t, app) }()
		synctest.Wait()
		if took, err := shutdownWithin(app, time.Minute); err != nil || took > 0 {
			t.Errorf("Shutdown: %v after %v", err, took)
		}
		if err := <-started; !errors.Is(err, wsgate.ErrShutdown) {
			t.Errorf("Start: got %v, want ErrShutdown", err)
		}
		l.happened.Want(t, "start a", "start b", "stop a")
	})
	kit.Bubble(t, "a start function succeeds all the same", func(t *testing.T) {
		l := life{instead: map[string]func(context.Context) error{
			"start b": func(ctx context.Context) error { <-ctx.Done(); return nil },
		}}
		app := kit.NewAppOf(t, nil, l.module())
		started := make(chan error, 1)
		go func() { started <- start(t, app) }()
		synctest.Wait()
		if took, err := shutdownWithin(app, time.Minute); err != nil || took > 0 {
			t.Errorf("Shutdown: %v after %v", err, took)
		}
		if err := <-started; !errors.Is(err, wsgate.ErrShutdown) {
			t.Errorf("Start: got %v, want ErrShutdown", err)
		}
		got := l.happened.All()
		if want := []string{"start a", "start b", "stop b", "stop a"}; !slices.Equal(got, want) && !slices.Equal(got, []string{"start a", "start b", "stop a"}) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// Constructors may keep the Lifecycle, and register what stops from anywhere, also while the App starts and stops.
func TestOnStopRacesWithStart(t *testing.T) {
	for range 20 {
		var lc *wsgate.Lifecycle
		app := kit.NewAppOf(t, nil, &wsgate.Module{Provide: []any{func(l *wsgate.Lifecycle) *partA {
			lc = l
			for range 20 {
				l.OnStart(func(context.Context) error { return nil })
			}
			return &partA{}
		}}})
		var running sync.WaitGroup
		running.Go(func() {
			for range 20 {
				lc.OnStop(func(context.Context) error { return nil })
			}
		})
		running.Go(func() { start(t, app) })
		if err := app.End(); err != nil {
			t.Error(err)
		}
		running.Wait()
	}
}

// When New fails, what constructors have opened without a start function is closed again.
func TestNewFailsAndStops(t *testing.T) {
	var happened kit.Journal
	_, err := wsgate.New(&wsgate.Module{Provide: []any{
		func(lc *wsgate.Lifecycle) *partA {
			lc.OnStop(func(context.Context) error { happened.Add("stop a"); return nil })
			lc.OnStart(func(context.Context) error { happened.Add("start a"); return nil })
			lc.OnStop(func(context.Context) error { happened.Add("stop a's start"); return nil })
			return &partA{}
		},
		func(*partA) (*partB, error) { return nil, errors.New("no") },
	}}, nil)
	if err == nil {
		t.Fatal("New succeeds")
	}
	happened.Want(t, "stop a")
}

// pipeListener is a net.Listener in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (l *pipeListener) dial(t *testing.T, target string) (*kit.Client, error) {
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		select {
		case l.conns <- server:
			return client, nil
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}}
	t.Cleanup(transport.CloseIdleConnections)
	c, _, err := websocket.Dial(t.Context(), "ws://example.com"+target, &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		return nil, err
	}
	return kit.NewClient(t, c), nil
}

// Serve starts, serves until its context is done, drains and stops.
func TestServe(t *testing.T) {
	kit.Bubble(t, "until its context is done", func(t *testing.T) {
		l := life{instead: map[string]func(context.Context) error{
			"start a": func(context.Context) error { <-time.After(time.Second); return nil },
		}}
		app := kit.NewAppOf(t, nil, l.module())
		ln := newPipeListener()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- app.Serve(ctx, ln) }()
		c, err := ln.dial(t, "/ws")
		if err != nil {
			t.Fatal(err)
		}
		c.Say("work for 3 s")
		synctest.Wait()
		begun := time.Now()
		cancel()
		c.Closed(websocket.StatusServiceRestart, "")
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if took := time.Since(begun); took != 4*time.Second {
			t.Errorf("Serve ended after %v, want 3 s for the handler and 1 s for OnClose", took)
		}
		if _, err := ln.dial(t, "/ws"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener is open: %v", err)
		}
		l.happened.Want(t, "start a", "start b", "start c", "OnOpen", "OnClose", "stop c", "stop b", "stop a")
	})
	kit.Bubble(t, "no longer than Drain", func(t *testing.T) {
		var l life
		app := kit.NewAppOf(t, &wsgate.Options{Limits: wsgate.Limits{Drain: 2 * time.Second}}, l.module())
		ln := newPipeListener()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- app.Serve(ctx, ln) }()
		c, err := ln.dial(t, "/ws")
		if err != nil {
			t.Fatal(err)
		}
		c.Say("work for 3 s")
		synctest.Wait()
		begun := time.Now()
		cancel()
		if err := <-served; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Serve: %v", err)
		}
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("Serve ended after %v, want 2 s", took)
		}
		wstest.Pass(time.Minute)
	})
	kit.Bubble(t, "not at all when the start fails", func(t *testing.T) {
		l := life{instead: map[string]func(context.Context) error{"start b": func(context.Context) error { return errors.New("no database") }}}
		ln := newPipeListener()
		if err := kit.NewAppOf(t, nil, l.module()).Serve(t.Context(), ln); err == nil || !strings.Contains(err.Error(), "no database") {
			t.Errorf("Serve: %v", err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener is open: %v", err)
		}
		l.happened.Want(t, "start a", "start b", "stop a")
	})
	kit.Bubble(t, "when the listener fails", func(t *testing.T) {
		var l life
		ln := newPipeListener()
		ln.Close()
		if err := kit.NewAppOf(t, nil, l.module()).Serve(t.Context(), ln); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v, want the listener's error", err)
		}
		l.happened.Want(t, "start a", "start b", "start c", "stop c", "stop b", "stop a")
	})
	t.Run("Run", func(t *testing.T) {
		var l life
		app := kit.NewAppOf(t, nil, l.module())
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-app.Log.Serving; cancel() }()
		if err := app.Run(ctx, "127.0.0.1:0"); err != nil {
			t.Errorf("Run: %v", err)
		}
		l.happened.Want(t, "start a", "start b", "start c", "stop c", "stop b", "stop a")
		if err := kit.NewAppOf(t, nil, l.module()).Run(t.Context(), "127.0.0.1:no"); err == nil {
			t.Error("Run on an address that is none succeeds")
		}
	})
}
