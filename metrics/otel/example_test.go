package otel_test

import (
	"context"
	"fmt"
	"log"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/metrics/otel"
)

// An App that is traced and measured by the global providers.
func Example() {
	telemetry, err := otel.New(&otel.Options{Ratio: 0.01})
	if err != nil {
		log.Fatal(err)
	}
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/chat", New: func() *chat { return new(chat) }}},
	}, &wsgate.Options{
		Use:         []any{telemetry.Middleware},
		ConnContext: telemetry.ConnContext,
		Tracer:      telemetry,
	})
	if err != nil {
		log.Fatal(err)
	}
	stop, err := telemetry.Watch(app)
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	// app.Run serves until its context is done.
	fmt.Println(app.Shutdown(context.Background()))
	// Output: <nil>
}
