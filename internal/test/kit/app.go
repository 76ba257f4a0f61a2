package kit

import (
	"context"
	"log/slog"
	"testing"

	"github.com/wsgate/wsgate"
)

// App is an App with a log that tests can look into.
type App struct {
	*wsgate.App
	Log       *Log
	StopFails bool // a function of OnStop fails, of which every Shutdown tells
}

// NewApp builds an App with the routes. It is shut down at the end of the test, which fails if that does not succeed.
func NewApp(t testing.TB, opts *wsgate.Options, routes ...wsgate.Route) *App {
	t.Helper()
	return NewAppOf(t, opts, &wsgate.Module{Gateways: routes})
}

func NewAppOf(t testing.TB, opts *wsgate.Options, root *wsgate.Module) *App {
	t.Helper()
	var o wsgate.Options
	if opts != nil {
		o = *opts
	}
	log := NewLog()
	o.Logger = slog.New(log)
	app, err := wsgate.New(root, &o)
	if err != nil {
		t.Fatal(err)
	}
	a := &App{App: app, Log: log}
	t.Cleanup(func() {
		if err := a.End(); err != nil && !a.StopFails {
			t.Errorf("Shutdown at the end of the test: %v", err)
		}
	})
	return a
}

// End shuts the App down and returns what Shutdown returns.
func (a *App) End() error {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	return a.Shutdown(ctx)
}
