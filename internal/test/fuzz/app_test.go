package fuzz

import (
	"context"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }

type conn = wsgate.Conn[struct{}]

// echo sends messages back and counts what happens.
type echo struct{ opened, closed atomic.Int64 }

func (g *echo) OnOpen(context.Context, *conn) error {
	g.opened.Add(1)
	return nil
}

func (g *echo) OnMessage(_ context.Context, c *conn, m wsgate.Message) error { return c.Send(m) }

func (g *echo) OnClose(context.Context, *conn, error) { g.closed.Add(1) }

// newApp builds an App of one gateway at "/".
func newApp(tb testing.TB, route wsgate.Route, limits wsgate.Limits) *wsgate.App {
	tb.Helper()
	route.Path = "/"
	app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{route}}, &wsgate.Options{Logger: slog.New(slog.DiscardHandler), Limits: limits})
	if err != nil {
		tb.Fatal(err)
	}
	return app
}

// serve serves the App on TCP until the end of the test and returns its address.
func serve(tb testing.TB, app *wsgate.App) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- app.Serve(ctx, ln) }()
	tb.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			tb.Error(err)
		}
	})
	return ln.Addr().String()
}
