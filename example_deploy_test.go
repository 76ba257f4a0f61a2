package wsgate_test

import (
	"context"
	"log"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/wsgate/wsgate"
)

// A node that is one of several. When it stops, 500 clients a second go to the others: all of them in 40 s, which is half of
// Drain. A supervisor has to wait longer than Drain before it kills the process.
func ExampleLimits_deploy() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/valley", New: NewValley}},
	}, &wsgate.Options{
		Limits: wsgate.Limits{Connections: 20_000, DrainPace: 500, Drain: 80 * time.Second},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := app.Handle("GET /ready", http.HandlerFunc(app.ServeReady)); err != nil {
		log.Fatal(err)
	}
	if err := app.Run(ctx, "localhost:3100"); err != nil {
		log.Fatal(err)
	}
}
