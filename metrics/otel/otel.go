// Package otel traces and measures an App with OpenTelemetry.
//
//	telemetry, err := otel.New(nil)
//	if err != nil {
//		return err
//	}
//	app, err := wsgate.New(root, &wsgate.Options{
//		Use:         []any{telemetry.Middleware},
//		ConnContext: telemetry.ConnContext,
//		Tracer:      telemetry,
//	})
//	if err != nil {
//		return err
//	}
//	stop, err := telemetry.Watch(app)
//	if err != nil {
//		return err
//	}
//	defer stop()
//
// # Traces
//
// A connection lasts for hours, so it is no span. Each message is a root span of kind server, after the conventions for
// RPC: its rpc.method is the path of the route with the name of the event. So are OnOpen and OnClose, as internal spans.
// Each is linked to the upgrade request's span: the one in the request's context, as otelhttp puts it there, or the one
// that the request's headers name.
//
// A client may name the trace that a message belongs to, by a key "$trace" in the envelope with a W3C traceparent in
// it. With [Options].ClientTraces the span is linked to it, or is its child.
//
// What a handler sends to a room or route that it got from its connection carries the trace to the other nodes, if it
// is sampled. Each node that delivers it has one span for that, however many receivers there are.
//
// # Metrics
//
// The time that handlers take is rpc.server.call.duration. Everything else is read from [wsgate.App.Stats] when metrics
// are collected, and costs nothing in between. The page [docs/operations.md] lists every metric. Names of events that
// clients make up are never attributes of a metric: their rpc.method is "_OTHER".
//
// [docs/operations.md]: https://github.com/wsgate/wsgate/blob/main/docs/operations.md
package otel

import (
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/http"
	"reflect"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/rpcconv"
	"go.opentelemetry.io/otel/trace"

	"github.com/wsgate/wsgate"
)

const scope = "github.com/wsgate/wsgate/metrics/otel"

// ClientTraces says what is done with the traces that clients send.
type ClientTraces int

// The values of [Options].ClientTraces.
const (
	IgnoreClientTraces   ClientTraces = iota // nothing
	LinkClientTraces                         // the span of the message is linked to the client's
	ContinueClientTraces                     // it is a child of the client's, which decides whether it is sampled
)

// Options configures a [Telemetry]. The zero value and a nil *Options use the defaults.
type Options struct {
	TracerProvider trace.TracerProvider // default otel.GetTracerProvider()
	MeterProvider  metric.MeterProvider // default otel.GetMeterProvider()
	ClientTraces   ClientTraces         // default IgnoreClientTraces, as clients are strangers
	// Ratio is the share of messages that become spans, such as 0.01. It is decided before the TracerProvider's own sampler
	// is asked, which is many times as fast. Messages that continue the trace of a client always become spans. Default 1.
	Ratio float64
}

// Telemetry traces and measures one App. Its methods may be called from any goroutine.
type Telemetry struct {
	tracer   trace.Tracer
	meter    metric.Meter
	clients  ClientTraces
	below    uint64 // a message becomes a span if a random number is below
	duration metric.Float64Histogram
	lasting  metric.Float64Histogram
	methods  atomic.Pointer[map[string]map[string]*method] // by path and event; nil before Watch
}

// New returns a Telemetry.
func New(o *Options) (*Telemetry, error) {
	if o == nil {
		o = &Options{}
	}
	tp, mp := o.TracerProvider, o.MeterProvider
	if tp == nil {
		tp = otel.GetTracerProvider()
	}
	if mp == nil {
		mp = otel.GetMeterProvider()
	}
	t := &Telemetry{
		tracer:  tp.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL)),
		meter:   mp.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL)),
		clients: o.ClientTraces, below: math.MaxUint64,
	}
	if o.Ratio > 0 && o.Ratio < 1 {
		t.below = uint64(o.Ratio * (1 << 63) * 2)
	}
	duration, err := rpcconv.NewServerCallDuration(t.meter)
	if err != nil {
		return nil, err
	}
	t.duration = duration.Inst()
	t.lasting, err = t.meter.Float64Histogram("wsgate.server.connection.duration", metric.WithUnit("s"),
		metric.WithDescription("How long connections have lasted, from the upgrade to OnClose."),
		metric.WithExplicitBucketBoundaries(1, 10, 60, 600, 3600, 6*3600, 24*3600))
	return t, err
}

// upgradeKey is the context key of an upgrade.
type upgradeKey struct{}

// upgrade is what is kept of an upgrade request.
type upgrade struct {
	span trace.SpanContext // not valid if there is none
	at   time.Time

	// Owned by the connection's hooks, which run one at a time.
	untraced context.Context // for messages that are no spans, made from the following
	from     context.Context
}

// ConnContext is for Options.ConnContext. If you have a function of your own there, pass what it returns to [Upgrade].
func (t *Telemetry) ConnContext(r *http.Request) context.Context {
	return t.Upgrade(context.Background(), r)
}

// Upgrade returns ctx with what is kept of an upgrade request: its span and its time.
func (t *Telemetry) Upgrade(ctx context.Context, r *http.Request) context.Context {
	span := trace.SpanContextFromContext(r.Context())
	if !span.IsValid() {
		span = remote(propagation.HeaderCarrier(r.Header))
	}
	return context.WithValue(ctx, upgradeKey{}, &upgrade{span: span, at: time.Now()})
}

var w3c propagation.TraceContext

// remote returns the span that a carrier names. It is not valid if there is none.
func remote(c propagation.TextMapCarrier) trace.SpanContext {
	return trace.SpanContextFromContext(w3c.Extract(context.Background(), c))
}

// sample decides whether a message becomes a span.
func (t *Telemetry) sample() bool { return t.below == math.MaxUint64 || rand.Uint64() < t.below }

// quiet returns the context for a message that is no span. In it is a trace that is not sampled, or else what handlers
// trace themselves would be traces of their own. All such messages of a connection have the same.
func quiet(ctx context.Context) context.Context {
	up, _ := ctx.Value(upgradeKey{}).(*upgrade)
	if up != nil && up.from == ctx {
		return up.untraced
	}
	var trc trace.TraceID
	var span trace.SpanID
	binary.BigEndian.PutUint64(trc[:8], rand.Uint64())
	binary.BigEndian.PutUint64(trc[8:], rand.Uint64()|1) // not zero, which is not valid
	binary.BigEndian.PutUint64(span[:], rand.Uint64()|1)
	untraced := trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: trc, SpanID: span}))
	if up != nil && reflect.TypeOf(ctx).Comparable() {
		up.untraced, up.from = untraced, ctx
	}
	return untraced
}

// Header implements [wsgate.Tracer].
func (t *Telemetry) Header(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	c := propagation.MapCarrier{}
	w3c.Inject(ctx, c)
	return c["traceparent"]
}

// Delivered implements [wsgate.Tracer].
func (t *Telemetry) Delivered(header, path string, receivers int, begun time.Time, took time.Duration) {
	ctx := w3c.Extract(context.Background(), propagation.MapCarrier{"traceparent": header})
	_, span := t.tracer.Start(ctx, "deliver "+path, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(begun),
		trace.WithAttributes(semconv.HTTPRoute(path), receiversKey.Int(receivers)))
	span.End(trace.WithTimestamp(begun.Add(took)))
}

var _ wsgate.Tracer = (*Telemetry)(nil)
