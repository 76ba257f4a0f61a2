// Package prometheus exports the numbers of an App to Prometheus: what [wsgate.App.Stats] has, and, with its middleware,
// a histogram of the time that handlers take.
//
//	metrics := prometheus.New(nil)
//	app, err := wsgate.New(root, &wsgate.Options{Use: []any{metrics.Middleware}})
//	if err != nil {
//		return err
//	}
//	metrics.Watch(app)
//	registry.MustRegister(metrics)
//
// The page [docs/operations.md] lists every metric, with what to watch and alarm on. dashboard.json in this directory is
// a dashboard for Grafana.
//
// All labels have few values: paths and events as they are registered, causes, and codes. A name that a client makes up
// never is one.
//
// [docs/operations.md]: https://github.com/wsgate/wsgate/blob/main/docs/operations.md
package prometheus

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wsgate/wsgate"
)

// Options configures a [Collector]. The zero value and a nil *Options use the defaults.
type Options struct {
	// Buckets are the bounds of the histogram's buckets, in seconds. Default: 100 µs to 10 s, in steps of about three.
	Buckets []float64
	// ConstLabels are labels of every metric, for several Apps in one process.
	ConstLabels prometheus.Labels
}

// Collector is a [prometheus.Collector] of one App. Its methods may be called from any goroutine.
//
// [prometheus.Collector]: https://pkg.go.dev/github.com/prometheus/client_golang/prometheus#Collector
type Collector struct {
	metrics  []metric
	duration *prometheus.Desc
	buckets  []float64
	watched  atomic.Pointer[watched] // nil before Watch
}

// watched is an App with the histograms of its routes.
type watched struct {
	app    *wsgate.App
	routes map[string]*route // by path
}

// DefaultBuckets are the bounds of the histogram's buckets in seconds.
var DefaultBuckets = []float64{.0001, .0003, .001, .003, .01, .03, .1, .3, 1, 3, 10}

// New returns a Collector, which has nothing to tell before Watch.
func New(o *Options) *Collector {
	if o == nil {
		o = &Options{}
	}
	buckets := o.Buckets
	if len(buckets) == 0 {
		buckets = DefaultBuckets
	}
	return &Collector{
		metrics: newMetrics(o.ConstLabels), buckets: buckets,
		duration: prometheus.NewDesc("wsgate_handler_duration_seconds",
			"How long messages take in the middleware and their handlers.", []string{"route", "event"}, o.ConstLabels),
	}
}

// Watch makes the Collector tell of app. It is called once, before the App serves.
func (c *Collector) Watch(app *wsgate.App) {
	w := &watched{app, map[string]*route{}}
	for path, stats := range app.Stats().Routes {
		events := map[string]*histogram{}
		for event := range stats.Events {
			events[event] = newHistogram(c.buckets)
		}
		w.routes[path] = &route{path, events, events["$message"], events["$other"]}
	}
	c.watched.Store(w)
}

// Middleware measures how long messages take, including the middleware inside of it. List it in Options.Use of the App,
// usually first. Without it there is no histogram; everything else is counted anyway.
//
// Of an event that has more than a thousand messages per second, one in sixteen is timed and counts for sixteen.
func (c *Collector) Middleware(next wsgate.Handler) wsgate.Handler {
	var own atomic.Pointer[route] // an instance is for one route
	return func(ctx context.Context, conn wsgate.AnyConn, in wsgate.Inbound) error {
		if in.Hook != wsgate.HookEvent && in.Hook != wsgate.HookMessage {
			return next(ctx, conn, in)
		}
		rt := own.Load()
		if path := conn.Path(); rt == nil || rt.path != path {
			w := c.watched.Load()
			if w == nil || w.routes[path] == nil {
				return next(ctx, conn, in)
			}
			rt = w.routes[path]
			own.Store(rt)
		}
		h := rt.of(&in)
		weight := h.weight()
		if weight == 0 {
			return next(ctx, conn, in)
		}
		begun := time.Now()
		err := next(ctx, conn, in)
		h.observe(time.Since(begun), weight)
		return err
	}
}

// route has the histograms of a route.
type route struct {
	path   string
	events map[string]*histogram // all of them

	message, other *histogram // of messages that are no events, nil if there is none of those, and of unknown events
}

// of returns the histogram for a message.
func (rt *route) of(in *wsgate.Inbound) *histogram {
	if in.Hook == wsgate.HookEvent {
		if h := rt.events[in.Event]; h != nil {
			return h
		}
	} else if rt.message != nil {
		return rt.message
	}
	return rt.other
}

// valid returns a text as the value of a label, which has to be UTF-8. A code of an application may be anything.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// Describe implements prometheus.Collector.
func (c *Collector) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		descs <- m.desc
	}
	descs <- c.duration
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	w := c.watched.Load()
	if w == nil {
		return
	}
	stats := w.app.Stats()
	for _, m := range c.metrics {
		m.read(&stats, func(value float64, labels ...string) {
			for i, label := range labels {
				labels[i] = valid(label)
			}
			metrics <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
		})
	}
	for path, rt := range w.routes {
		for event, h := range rt.events {
			metrics <- h.read(c.duration, valid(path), valid(event))
		}
	}
}
