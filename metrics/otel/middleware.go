package otel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/wsgate/wsgate"
)

const (
	systemKey    = attribute.Key("rpc.system.name")
	connKey      = attribute.Key("wsgate.connection.id")
	receiversKey = attribute.Key("wsgate.receivers")
	statusKey    = attribute.Key("wsgate.connection.status")

	system    = "wsgate"
	other     = "_OTHER" // what the conventions call a method that is not known
	succeeded = "ok"
)

// method is an event of a route, with what does not change from one message to the next.
type method struct {
	name  string
	attrs []attribute.KeyValue
	start []trace.SpanStartOption
	done  metric.MeasurementOption // of messages that succeed
}

func newMethod(path, event string) *method {
	m := &method{name: path + "/" + event}
	m.attrs = []attribute.KeyValue{systemKey.String(system), semconv.RPCMethod(m.name), semconv.HTTPRoute(path)}
	if event == "$other" {
		m.name = path + "/" + other
		m.attrs[1] = semconv.RPCMethod(other)
	}
	m.start = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(m.attrs...)}
	m.done = m.measurement(succeeded)
	return m
}

// measurement has the attributes of a message that came to that code.
func (m *method) measurement(code string) metric.MeasurementOption {
	attrs := append([]attribute.KeyValue{semconv.RPCResponseStatusCode(code)}, m.attrs...)
	if code != succeeded {
		attrs = append(attrs, semconv.ErrorTypeKey.String(code))
	}
	return metric.WithAttributeSet(attribute.NewSet(attrs...))
}

// Middleware has a span for each hook, and measures how long messages take. List it in Options.Use of the App, usually
// first.
func (t *Telemetry) Middleware(next wsgate.Handler) wsgate.Handler {
	return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
		switch in.Hook {
		case wsgate.HookOpen:
			return t.hook(ctx, "OnOpen", c, in, next)
		case wsgate.HookClose:
			t.closed(ctx, valid(c.Path()), in.Err)
			return t.hook(ctx, "OnClose", c, in, next)
		}
		return t.message(ctx, c, in, next)
	}
}

// hook traces OnOpen and OnClose.
func (t *Telemetry) hook(ctx context.Context, name string, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
	if !t.sample() {
		return next(quiet(ctx), c, in)
	}
	ctx, span := t.root(ctx, trace.SpanContext{}, c.Path()+" "+name, trace.WithAttributes(semconv.HTTPRoute(c.Path())))
	defer span.End()
	if span.IsRecording() {
		span.SetAttributes(connKey.String(c.ID()))
	}
	err := next(ctx, c, in)
	failed(span, err)
	return err
}

// message traces and measures a message.
func (t *Telemetry) message(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
	client := t.clientSpan(in.Message.Data)
	if !t.sample() && !(client.IsValid() && t.clients == ContinueClientTraces) {
		return t.measure(quiet(ctx), c, in, next)
	}
	m := t.methodOf(c.Path(), in)
	ctx, span := t.root(ctx, client, m.name, m.start...)
	defer span.End()
	if span.IsRecording() {
		span.SetAttributes(connKey.String(c.ID()))
		if in.Hook == wsgate.HookEvent && m.attrs[1].Value.AsString() == other {
			span.SetAttributes(semconv.RPCMethodOriginal(short(in.Event)))
		}
	}
	err := t.measure(ctx, c, in, next)
	failed(span, err)
	return err
}

// measure handles a message and measures it.
func (t *Telemetry) measure(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
	if !t.duration.Enabled(ctx) {
		return next(ctx, c, in)
	}
	begun := time.Now()
	err := next(ctx, c, in)
	m := t.methodOf(c.Path(), in)
	measured := m.done
	if code := codeOf(err); code != succeeded {
		if !standard[code] {
			code = other
		}
		measured = m.measurement(code)
	}
	t.duration.Record(ctx, time.Since(begun).Seconds(), measured)
	return err
}

// methodOf returns the method of a message.
func (t *Telemetry) methodOf(path string, in wsgate.Inbound) *method {
	if all := t.methods.Load(); all != nil {
		methods := (*all)[path]
		if m := methods[in.Event]; m != nil && in.Hook == wsgate.HookEvent {
			return m
		}
		if m := methods["$message"]; m != nil {
			return m
		}
		if m := methods["$other"]; m != nil {
			return m
		}
	}
	return newMethod(path, "$other")
}

// root starts a root span that is linked to the upgrade and to the client's span, or the child of that, where it is valid.
func (t *Telemetry) root(ctx context.Context, client trace.SpanContext, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	var links []trace.Link
	if up, _ := ctx.Value(upgradeKey{}).(*upgrade); up != nil && up.span.IsValid() {
		links = append(links, trace.Link{SpanContext: up.span})
	}
	isRoot := true
	if client.IsValid() {
		if t.clients == ContinueClientTraces {
			ctx, isRoot = trace.ContextWithRemoteSpanContext(ctx, client), false
		} else {
			links = append(links, trace.Link{SpanContext: client})
		}
	}
	if isRoot {
		options = append(options[:len(options):len(options)], trace.WithNewRoot())
	}
	if len(links) > 0 {
		options = append(options[:len(options):len(options)], trace.WithLinks(links...))
	}
	return t.tracer.Start(ctx, name, options...)
}

// clientSpan returns the span that a message names under "$trace". It is not valid if there is none.
func (t *Telemetry) clientSpan(message []byte) trace.SpanContext {
	if t.clients == IgnoreClientTraces || !bytes.Contains(message, traceKey) {
		return trace.SpanContext{}
	}
	var envelope struct {
		Trace string `json:"$trace"`
	}
	if json.Unmarshal(message, &envelope) != nil {
		return trace.SpanContext{}
	}
	return remote(propagation.MapCarrier{"traceparent": envelope.Trace})
}

var traceKey = []byte(`"$trace"`)

// failed tells the span what a hook returned.
func failed(span trace.Span, err error) {
	if !span.IsRecording() {
		return
	}
	code := codeOf(err)
	span.SetAttributes(semconv.RPCResponseStatusCode(code))
	if err != nil {
		span.SetAttributes(semconv.ErrorTypeKey.String(code))
	}
	if code == string(wsgate.Internal) || code == string(wsgate.Unavailable) { // not the client's fault
		span.SetStatus(codes.Error, err.Error())
		span.RecordError(err)
	}
}

// codeOf returns the code of the answer.
func codeOf(err error) string {
	if err == nil {
		return succeeded
	}
	var own *wsgate.Error
	if errors.As(err, &own) && own != nil {
		return strings.ToValidUTF8(string(own.Code), "\uFFFD")
	}
	return string(wsgate.Internal)
}

// standard are the codes that are attributes of metrics; an application may make up any others.
var standard = map[string]bool{
	string(wsgate.Malformed): true, string(wsgate.Invalid): true, string(wsgate.UnknownEvent): true, string(wsgate.Unsupported): true,
	string(wsgate.Unauthenticated): true, string(wsgate.Denied): true, string(wsgate.NotFound): true, string(wsgate.Conflict): true,
	string(wsgate.RateLimited): true, string(wsgate.Unavailable): true, string(wsgate.Internal): true,
}

// maxName is as long as an event's name may be.
const maxName = 64

// short cuts the name of an event that a client has made up.
func short(name string) string {
	if len(name) > maxName {
		name = name[:maxName]
	}
	return strings.ToValidUTF8(name, "")
}
