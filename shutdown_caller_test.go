package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// callerApp is an App whose code calls f once, in one place, with the context that it has there.
type callerApp struct {
	*wsgate.App
	place  string
	f      atomic.Pointer[func(ctx context.Context)]
	broker wstest.Broker
}

// places are where code runs that Shutdown waits for.
var places = []string{"OnUpgrade", "middleware", "OnOpen", "OnMessage", "OnClose", "OnBroker", "OnStart", "OnStop", "the log"}

func newCallerApp(t *testing.T, place string) *callerApp {
	a := &callerApp{place: place}
	g := &kit.MessageGateway{
		Hooks: kit.Hooks{
			Upgrade: func(r *http.Request) (kit.Data, error) { a.in("OnUpgrade", r.Context()); return kit.Data{}, nil },
			Open:    func(ctx context.Context, _ *kit.Conn) error { a.in("OnOpen", ctx); return nil },
			Close:   func(ctx context.Context, _ *kit.Conn, _ error) { a.in("OnClose", ctx) },
		},
		Message: func(ctx context.Context, _ *kit.Conn, _ wsgate.Message) error {
			a.in("OnMessage", ctx)
			return errors.New("for the log")
		},
	}
	app, err := wsgate.New(&wsgate.Module{
		Provide: []any{func(lc *wsgate.Lifecycle) *partA {
			lc.OnStart(func(ctx context.Context) error { a.in("OnStart", ctx); return nil })
			lc.OnStop(func(ctx context.Context) error { a.in("OnStop", ctx); return nil })
			return &partA{}
		}},
		Gateways: []wsgate.Route{kit.RouteTo("/ws", g)},
	}, &wsgate.Options{
		Broker:   &a.broker,
		OnBroker: func(*wsgate.Hub, error) { a.in("OnBroker", t.Context()) },
		Logger:   slog.New(callerLog{a}),
		Use: []any{func(next wsgate.Handler) wsgate.Handler {
			return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
				a.in("middleware", ctx)
				return next(ctx, c, in)
			}
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.App = app
	return a
}

func (a *callerApp) in(place string, ctx context.Context) {
	if a.place != place {
		return
	}
	if f := a.f.Swap(nil); f != nil {
		(*f)(ctx)
	}
}

type callerLog struct{ app *callerApp }

func (l callerLog) Enabled(_ context.Context, level slog.Level) bool { return level > slog.LevelWarn }
func (l callerLog) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l callerLog) WithGroup(string) slog.Handler                    { return l }
func (l callerLog) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "handler failed") {
		l.app.in("the log", ctx)
	}
	return nil
}

// Code that Shutdown waits for cannot wait for Shutdown: it is told so at once, whatever context it passes, and the App
// goes on.
func TestShutdownByWhomItWaitsFor(t *testing.T) {
	for _, place := range places {
		for _, own := range []bool{true, false} {
			kit.Bubble(t, fmt.Sprintf("%s, with its own context %v", place, own), func(t *testing.T) {
				app := newCallerApp(t, place)
				called := false
				call := func(ctx context.Context) {
					called = true
					if !own {
						ctx = context.Background()
					}
					ctx, cancel := context.WithTimeout(ctx, time.Minute)
					defer cancel()
					begun := time.Now()
					err := app.Shutdown(ctx)
					if took := time.Since(begun); took > 0 || err == nil || !strings.Contains(err.Error(), "in a goroutine") {
						t.Errorf("got %v after %v, want how to call it", err, took)
					}
					if err := app.Ready(); place != "OnStop" && errors.Is(err, wsgate.ErrShutdown) {
						t.Errorf("the App shuts down: %v", err)
					}
				}
				app.f.Store(&call)
				if err := app.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				client := kit.Dial(t, app, "/ws")
				client.Say("x")
				synctest.Wait()
				client.CloseNow()
				app.broker.SetAway(errors.New("away"))
				synctest.Wait()
				if err := app.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				if !called {
					t.Error("nobody called it")
				}
			})
		}
	}
}

// Who does what that error says ends the App, from wherever it is.
func TestShutdownFromWhatItWaitsFor(t *testing.T) {
	for _, place := range places {
		kit.Bubble(t, place, func(t *testing.T) {
			app := newCallerApp(t, place)
			done := make(chan error, 1)
			call := func(ctx context.Context) {
				if err := app.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "go app.Shutdown(context.WithoutCancel(ctx))") {
					t.Errorf("got %v, want how to call it", err)
				}
				go func() { done <- app.Shutdown(context.WithoutCancel(ctx)) }()
			}
			app.f.Store(&call)
			if err := app.Start(t.Context()); err != nil && !errors.Is(err, wsgate.ErrShutdown) { // which OnStart and the first OnBroker may have begun
				t.Fatal(err)
			}
			switch place {
			case "OnStart":
			case "OnBroker":
				app.broker.SetAway(errors.New("away"))
			case "OnStop":
				if err := app.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			default:
				client := kit.Dial(t, app, "/ws")
				client.Say("x")
				synctest.Wait()
				client.CloseNow()
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
			if err := app.Ready(); !errors.Is(err, wsgate.ErrShutdown) {
				t.Errorf("got %v, want an App that has shut down", err)
			}
		})
	}
}

// A goroutine may wait for it that a hook has started, and so may a hook of another App.
func TestShutdownByHooks(t *testing.T) {
	kit.Bubble(t, "in a goroutine", func(t *testing.T) {
		app := newCallerApp(t, "OnMessage")
		done := make(chan error, 1)
		call := func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			go func() {
				defer cancel()
				done <- app.Shutdown(ctx)
			}()
			<-time.After(time.Second)
		}
		app.f.Store(&call)
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		client := kit.Dial(t, app, "/ws")
		client.Say("x")
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	kit.Bubble(t, "of another App", func(t *testing.T) {
		other := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{}))
		done := make(chan error, 1)
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{Message: func(ctx context.Context, _ *kit.Conn, _ wsgate.Message) error {
			done <- other.Shutdown(ctx)
			return nil
		}}))
		kit.Dial(t, app, "/ws").Say("x")
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A call that comes after another has given up waits for the same end, and hears what the OnStop functions returned.
func TestShutdownAfterOneGaveUp(t *testing.T) {
	failed := errors.New("cannot stop")
	for _, test := range []struct {
		name          string
		handler, stop time.Duration // how long they take
		fails         error
	}{
		{name: "for a handler", handler: 10 * time.Second},
		{name: "for an OnStop function", stop: 10 * time.Second},
		{name: "for an OnStop function that fails", stop: 10 * time.Second, fails: failed},
		{name: "for both", handler: 5 * time.Second, stop: 9 * time.Second},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			app, err := wsgate.New(&wsgate.Module{
				Provide: []any{func(lc *wsgate.Lifecycle) *partA {
					lc.OnStop(func(context.Context) error { <-time.After(test.stop); return test.fails })
					return &partA{}
				}},
				Gateways: []wsgate.Route{kit.RouteTo("/ws", &kit.MessageGateway{Message: func(context.Context, *kit.Conn, wsgate.Message) error {
					<-time.After(test.handler)
					return nil
				}})},
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			call := func(most time.Duration, want error, wantTook time.Duration) {
				t.Helper()
				if took, err := shutdownWithin(&kit.App{App: app}, most); !errors.Is(err, want) || want == nil && err != nil || took != wantTook {
					t.Errorf("got %v after %v, want %v after %v", err, took, want, wantTook)
				}
			}
			client := kit.Dial(t, app, "/ws")
			client.Say("x")
			go client.Rest()
			synctest.Wait()
			call(time.Second, context.DeadlineExceeded, time.Second)
			call(time.Second, context.DeadlineExceeded, time.Second)
			call(time.Minute, test.fails, 8*time.Second)
			call(time.Minute, test.fails, 0)
		})
	}
}

// OnBroker is waited for as hooks are.
func TestShutdownWaitsForOnBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{kit.RouteTo("/ws", &kit.MessageGateway{})}}, &wsgate.Options{
			Broker: new(wstest.Broker), OnBroker: func(*wsgate.Hub, error) { <-time.After(10 * time.Second) }, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if took, err := shutdownWithin(&kit.App{App: app}, time.Second); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "OnBroker") || took != time.Second {
			t.Errorf("got %v after %v, want %v and for whom after 1s", err, took, context.DeadlineExceeded)
		}
		if took, err := shutdownWithin(&kit.App{App: app}, time.Minute); err != nil || took != 9*time.Second {
			t.Errorf("again: got %v after %v, want nil after 9s", err, took)
		}
	})
}
