package contender

import (
	"context"
	"log/slog"
	"net"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/metrics/otel"
	"github.com/wsgate/wsgate/metrics/prometheus"

	"github.com/wsgate/wsgate/bench/internal/wire"
)

// Watched are this library with what watches it, to be compared with Wsgate. They have no part in the report.
var Watched = []*Contender{
	{
		Name: "wsgate-prometheus", About: "the same with metrics/prometheus and its middleware, scraped every second",
		Module: "github.com/wsgate/wsgate", Family: Ours, Dialect: wire.Plain{}, Serve: servePrometheus,
	},
	{
		Name: "wsgate-traces", About: "the same with metrics/otel, which traces one in a hundred messages",
		Module: "github.com/wsgate/wsgate", Family: Ours, Dialect: wire.Plain{},
		Serve: func(ln net.Listener) error { return serveOTel(ln, noop.NewMeterProvider()) },
	},
	{
		Name: "wsgate-otel", About: "the same, and all messages measured",
		Module: "github.com/wsgate/wsgate", Family: Ours, Dialect: wire.Plain{},
		Serve: func(ln net.Listener) error {
			return serveOTel(ln, sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())))
		},
	},
}

func servePrometheus(ln net.Listener) error {
	metrics := prometheus.New(nil)
	app, err := wsgate.New(wsgateModule(), &wsgate.Options{Logger: slog.New(slog.DiscardHandler), Limits: wsgateLimits, Use: []any{metrics.Middleware}})
	if err != nil {
		return err
	}
	metrics.Watch(app)
	registry := client.NewRegistry()
	registry.MustRegister(metrics)
	go func() { // until the process ends
		for range time.Tick(time.Second) {
			_, _ = registry.Gather()
		}
	}()
	return app.Serve(context.Background(), ln)
}

// serveOTel traces one in a hundred messages, and with metrics measures all of them.
func serveOTel(ln net.Listener, metrics metric.MeterProvider) error {
	telemetry, err := otel.New(&otel.Options{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithBatcher(discard{})), MeterProvider: metrics, Ratio: 0.01,
	})
	if err != nil {
		return err
	}
	app, err := wsgate.New(wsgateModule(), &wsgate.Options{
		Logger: slog.New(slog.DiscardHandler), Limits: wsgateLimits, Use: []any{telemetry.Middleware}, ConnContext: telemetry.ConnContext, Tracer: telemetry,
	})
	if err != nil {
		return err
	}
	if _, err := telemetry.Watch(app); err != nil {
		return err
	}
	return app.Serve(context.Background(), ln)
}

// discard exports spans to nowhere.
type discard struct{}

func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                             { return nil }
