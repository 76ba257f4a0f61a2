package prometheus_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"strings"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/metrics/prometheus"
)

// An App with a page for Prometheus.
func Example() {
	metrics := prometheus.New(nil)
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/chat", New: func() *chat { return new(chat) }}},
	}, &wsgate.Options{Use: []any{metrics.Middleware}})
	if err != nil {
		log.Fatal(err)
	}
	metrics.Watch(app)
	registry := client.NewRegistry()
	registry.MustRegister(metrics)
	if err := app.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{})); err != nil {
		log.Fatal(err)
	}

	page := httptest.NewRecorder()
	app.ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(page.Body.String()) {
		if strings.HasPrefix(line, "wsgate_connections") {
			fmt.Print(line)
		}
	}
	if err := app.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// wsgate_connections{route="/chat"} 0
}
