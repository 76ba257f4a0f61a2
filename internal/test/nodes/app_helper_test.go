package nodes_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// app is an App that is a node of a cluster.
type app struct {
	*wstest.App
	broker *kit.Broker
	log    *kit.Log
}

// startApps starts Apps on one engine.
func startApps(t testing.TB, engine *local.Broker, count int, options ...func(*wsgate.Options)) (apps []app) {
	t.Helper()
	for range count {
		a := app{broker: kit.NewBroker(t, engine), log: kit.NewLog()}
		o := &wsgate.Options{Broker: a.broker, Logger: slog.New(a.log)}
		for _, option := range options {
			option(o)
		}
		a.App = wstest.New(t, moduleOf(&nodeGateway{}), wstest.With(o))
		apps = append(apps, a)
	}
	wstest.Pass(0)
	return apps
}

// in returns the room of the gateway's with that name.
func (a app) in(room string) wsgate.Room { return a.Hub().At("/ws").Room(room) }

// cut has nothing come or go through a broker that seems to be there.
func cut(b *kit.Broker) {
	swallow := func(context.Context, string) error { return kit.ErrSwallowed }
	b.Before("Publish", swallow)
	b.Before("receive", swallow)
}

// mend undoes cut.
func mend(b *kit.Broker) {
	b.Before("Publish", nil)
	b.Before("receive", nil)
}
