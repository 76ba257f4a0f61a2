package otel_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/leak"
	"github.com/wsgate/wsgate/metrics/otel"
	"github.com/wsgate/wsgate/wstest"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }

const (
	say   wsgate.Event[string]            = "say"
	said  wsgate.Event[string]            = "said"
	ask   wsgate.Call[int, int]           = "ask"
	tags  wsgate.Event[map[string]string] = "tags"
	fails wsgate.Event[struct{}]          = "fails"
)

type conn = wsgate.Conn[struct{}]

// chat is a gateway that notices in which traces its handlers run.
type chat struct {
	tags  map[string]string
	quiet int // messages in a trace that is not sampled
}

func (*chat) OnOpen(_ context.Context, c *conn) error { return c.Join("lobby") }

func (g *chat) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{
		wsgate.On(say, func(_ context.Context, c *conn, text string) error { return said.Emit(c.Room("lobby"), text) }),
		wsgate.Answer(ask, func(ctx context.Context, _ *conn, n int) (int, error) {
			if span := trace.SpanContextFromContext(ctx); span.IsValid() && !span.IsSampled() {
				g.quiet++
			}
			if n > 9 {
				return 0, wsgate.Errorf(wsgate.Invalid, "too much")
			}
			return n, nil
		}),
		wsgate.On(tags, func(_ context.Context, _ *conn, tags map[string]string) error { g.tags = tags; return nil }),
		wsgate.On(fails, func(context.Context, *conn, struct{}) error { return errors.New("broken") }),
	}
}

// node is an App that is traced and measured.
type node struct {
	*wstest.App
	*chat
	spans   *tracetest.InMemoryExporter
	metrics *sdkmetric.ManualReader
}

func start(t *testing.T, broker wsgate.Broker, sampler sdktrace.Sampler, clients otel.ClientTraces) *node {
	t.Helper()
	return startSome(t, broker, sampler, clients, 1)
}

// startSome traces a share of the messages.
func startSome(t *testing.T, broker wsgate.Broker, sampler sdktrace.Sampler, clients otel.ClientTraces, ratio float64) *node {
	t.Helper()
	n := &node{chat: new(chat), spans: tracetest.NewInMemoryExporter(), metrics: sdkmetric.NewManualReader()}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(n.spans), sdktrace.WithSampler(sampler))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(n.metrics))
	telemetry, err := otel.New(&otel.Options{TracerProvider: tp, MeterProvider: mp, ClientTraces: clients, Ratio: ratio})
	if err != nil {
		t.Fatal(err)
	}
	n.App = wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/chat", New: func() *chat { return n.chat }}}},
		wstest.With(&wsgate.Options{
			Use: []any{telemetry.Middleware}, ConnContext: telemetry.ConnContext, Tracer: telemetry, Broker: broker,
			Limits: wsgate.Limits{Rate: math.MaxInt},
		}))
	stop, err := telemetry.Watch(n.App.App)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// named returns the spans with a name, in the order in which they ended.
func (n *node) named(name string) tracetest.SpanStubs {
	synctest.Wait()
	return slices.DeleteFunc(n.spans.GetSpans(), func(s tracetest.SpanStub) bool { return s.Name != name })
}

// one returns the only span with a name.
func (n *node) one(t *testing.T, name string) tracetest.SpanStub {
	t.Helper()
	spans := n.named(name)
	if len(spans) != 1 {
		t.Fatalf("%d spans %q, want one", len(spans), name)
	}
	return spans[0]
}

func attributeOf(s tracetest.SpanStub, key string) string {
	for _, a := range s.Attributes {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

const (
	upgradeTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	clientTrace  = "00-11111111111111111111111111111111-2222222222222222-01"
)

func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// Every message is a root span of its own, linked to the upgrade.
func TestSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, nil, sdktrace.AlwaysSample(), otel.IgnoreClientTraces)
		c := n.Dial("/chat", http.Header{"Traceparent": {upgradeTrace}})
		wstest.Ask(c, ask, 1)
		if _, err := wstest.TryAsk(c, ask, 10); err == nil {
			t.Error("there is no error")
		}
		wstest.TryDo(c, fails, struct{}{})
		c.Send(wsgate.Text(`{"type":"made up"}`))
		wstest.ExpectError(c, wsgate.UnknownEvent)
		c.Close(1000, "")

		asked := n.named("/chat/ask")
		if len(asked) != 2 || asked[0].SpanContext.TraceID() == asked[1].SpanContext.TraceID() {
			t.Fatalf("got spans %v, want two in traces of their own", asked)
		}
		for i, want := range []string{"ok", "invalid"} {
			s := asked[i]
			if s.SpanKind != trace.SpanKindServer || s.Parent.IsValid() || s.Status.Code != codes.Unset {
				t.Errorf("span %d: kind %v, parent %v, status %v", i, s.SpanKind, s.Parent, s.Status)
			}
			if len(s.Links) != 1 || s.Links[0].SpanContext.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" {
				t.Errorf("span %d: links %v, want one to the upgrade", i, s.Links)
			}
			for key, value := range map[string]string{
				"rpc.system.name": "wsgate", "rpc.method": "/chat/ask", "http.route": "/chat", "rpc.response.status_code": want,
			} {
				if got := attributeOf(s, key); got != value {
					t.Errorf("span %d: %s is %q, want %q", i, key, got, value)
				}
			}
		}
		if s := n.one(t, "/chat/fails"); s.Status.Code != codes.Error || attributeOf(s, "error.type") != "internal" || len(s.Events) != 1 {
			t.Errorf("status %v, attributes %v, events %v", s.Status, s.Attributes, s.Events)
		}
		unknown := n.one(t, "/chat/_OTHER")
		if attributeOf(unknown, "rpc.method") != "_OTHER" || attributeOf(unknown, "rpc.method_original") != "made up" {
			t.Errorf("got attributes %v", unknown.Attributes)
		}
		for _, hook := range []string{"/chat OnOpen", "/chat OnClose"} {
			if s := n.one(t, hook); len(s.Links) != 1 || s.SpanKind != trace.SpanKindInternal {
				t.Errorf("%s: links %v, kind %v", hook, s.Links, s.SpanKind)
			}
		}
	})
}

// A client's trace is a link or a parent if the options say so, and never a part of the payload.
func TestClientTraces(t *testing.T) {
	for _, test := range []struct {
		name   string
		what   otel.ClientTraces
		links  int
		parent string
	}{
		{"ignored", otel.IgnoreClientTraces, 0, "0000000000000000"},
		{"linked", otel.LinkClientTraces, 1, "0000000000000000"},
		{"continued", otel.ContinueClientTraces, 0, "2222222222222222"},
	} {
		bubble(t, test.name, func(t *testing.T) {
			n := start(t, nil, sdktrace.AlwaysSample(), test.what)
			c := n.Dial("/chat")
			c.Send(wsgate.Text(`{"type":"tags","a":"b","$trace":"` + clientTrace + `"}`))
			s := n.one(t, "/chat/tags")
			if len(s.Links) != test.links || s.Parent.SpanID().String() != test.parent {
				t.Errorf("links %v, parent %v", s.Links, s.Parent)
			}
			if len(n.tags) != 1 || n.tags["a"] != "b" {
				t.Errorf("the handler got %v, want what the client sent but its trace", n.tags)
			}
		})
	}
	bubble(t, "nonsense", func(t *testing.T) {
		n := start(t, nil, sdktrace.AlwaysSample(), otel.ContinueClientTraces)
		c := n.Dial("/chat")
		for _, nonsense := range []string{`"x"`, `7`, `{}`, `null`, `"00-00000000000000000000000000000000-0000000000000000-01"`} {
			c.Send(wsgate.Text(`{"type":"tags","a":"b","$trace":` + nonsense + `}`))
		}
		if spans := n.named("/chat/tags"); len(spans) != 5 || spans[0].Parent.IsValid() {
			t.Errorf("got %v, want five root spans", spans)
		}
	})
}

// Of many messages the share that was asked for are spans. The others run in a trace that is not sampled, and those that
// continue a client's trace are spans anyway.
func TestRatio(t *testing.T) {
	const messages = 5000
	synctest.Test(t, func(t *testing.T) {
		n := startSome(t, nil, sdktrace.AlwaysSample(), otel.ContinueClientTraces, 0.1)
		c := n.Dial("/chat")
		for i := range messages {
			wstest.Ask(c, ask, i%10)
		}
		if spans := len(n.named("/chat/ask")); spans < messages/20 || spans > messages/5 {
			t.Errorf("%d of %d messages are spans, want about a tenth", spans, messages)
		}
		if quiet := n.quiet; quiet < messages/2 {
			t.Errorf("%d of %d messages ran in a trace that is not sampled", quiet, messages)
		}
		for range 50 {
			c.Send(wsgate.Text(`{"type":"tags","$trace":"` + clientTrace + `"}`))
		}
		if spans := len(n.named("/chat/tags")); spans != 50 {
			t.Errorf("%d of 50 messages that continue a client's trace are spans", spans)
		}
		if got := n.collect(t)["rpc.server.call.duration{http.route=/chat,rpc.method=/chat/ask,rpc.response.status_code=ok,rpc.system.name=wsgate}"]; got != messages {
			t.Errorf("%d messages were measured, want %d", got, messages)
		}
	})
}

// wire keeps what is published.
type wire struct {
	*local.Broker
	published []string
}

func (w *wire) Publish(topic string, message []byte) error {
	if strings.Contains(topic, "room") {
		w.published = append(w.published, string(message))
	}
	return w.Broker.Publish(topic, message)
}

// What is sent to other nodes carries the trace if it is sampled, and nothing otherwise.
func TestTraceBetweenNodes(t *testing.T) {
	for _, sampled := range []bool{true, false} {
		bubble(t, fmt.Sprint("sampled ", sampled), func(t *testing.T) {
			sampler := sdktrace.NeverSample()
			if sampled {
				sampler = sdktrace.AlwaysSample()
			}
			engine := new(local.Broker)
			w := &wire{Broker: engine}
			here, there := start(t, w, sampler, 0), start(t, engine, sdktrace.ParentBased(sdktrace.NeverSample()), 0)
			wstest.Pass(5 * time.Second)
			ann := here.Dial("/chat")
			bobs := []*wstest.Client{there.Dial("/chat"), there.Dial("/chat"), there.Dial("/chat")}
			wstest.Send(ann, say, "hi")
			for _, bob := range bobs {
				if got := wstest.Next(bob, said); got != "hi" {
					t.Errorf("got %q", got)
				}
			}
			wstest.Next(ann, said)
			delivered := there.named("deliver /chat")
			if !sampled {
				if len(delivered) != 0 || len(w.published) != 1 || strings.Contains(w.published[0], "00-") {
					t.Errorf("published %q, spans %v, want no trace of a trace", w.published, delivered)
				}
				return
			}
			sent := here.one(t, "/chat/say")
			if len(delivered) != 1 || delivered[0].Parent.SpanID() != sent.SpanContext.SpanID() ||
				delivered[0].SpanContext.TraceID() != sent.SpanContext.TraceID() || attributeOf(delivered[0], "wsgate.receivers") != "3" {
				t.Errorf("got %+v, want one span with the parent %v and 3 receivers", delivered, sent.SpanContext)
			}
			if there.Stats().Ignored["invalid"] != 0 {
				t.Error("a message was ignored")
			}
		})
	}
}

// The metrics have what the App tells, in the form of OpenTelemetry.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, new(local.Broker), sdktrace.NeverSample(), 0)
		c, gone := n.Dial("/chat"), n.Dial("/chat")
		wstest.Ask(c, ask, 1)
		wstest.TryAsk(c, ask, 10)
		for i := range 100 {
			c.Send(wsgate.Text(fmt.Sprintf(`{"type":"invented %d"}`, i)))
			wstest.ExpectError(c, wsgate.UnknownEvent)
		}
		wstest.Pass(3 * time.Second)
		gone.Close(1000, "")
		synctest.Wait()
		got := n.collect(t)
		for name, want := range map[string]int64{
			`wsgate.server.active_connections{http.route=/chat}`:                                              1,
			`wsgate.server.upgrades{http.response.status_code=101,http.route=/chat}`:                          2,
			`wsgate.server.closed{http.route=/chat,wsgate.close.cause=client,wsgate.close.code=1000}`:         1,
			`wsgate.server.events{http.route=/chat,wsgate.event.code=unknown_event,wsgate.event.name=$other}`: 100,
			`wsgate.server.messages{http.route=/chat,network.io.direction=receive}`:                           102,
			`wsgate.broker.up{}`: 1,
			`rpc.server.call.duration{http.route=/chat,rpc.method=/chat/ask,rpc.response.status_code=ok,rpc.system.name=wsgate}`:                                  1,
			`rpc.server.call.duration{error.type=invalid,http.route=/chat,rpc.method=/chat/ask,rpc.response.status_code=invalid,rpc.system.name=wsgate}`:          1,
			`rpc.server.call.duration{error.type=unknown_event,http.route=/chat,rpc.method=_OTHER,rpc.response.status_code=unknown_event,rpc.system.name=wsgate}`: 100,
			`wsgate.server.connection.duration{http.route=/chat,wsgate.connection.status=normal_closure}`:                                                         1,
		} {
			if value, ok := got[name]; !ok || value != want {
				t.Errorf("%s is %d, want %d", name, value, want)
			}
		}
		for name := range got {
			if strings.Contains(name, "invented") {
				t.Errorf("%s has a name that a client has made up", name)
			}
		}
		if t.Failed() {
			for name, value := range got {
				t.Log(name, value)
			}
		}
	})
}

// collect returns all values by name and attributes; of histograms, the counts.
func (n *node) collect(t *testing.T) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := n.metrics.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	values := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			key := func(set attribute.Set) string { return m.Name + "{" + set.Encoded(attribute.DefaultEncoder()) + "}" }
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					values[key(p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					values[key(p.Attributes)] = int64(p.Count)
				}
			default:
				t.Errorf("%s is a %T", m.Name, m.Data)
			}
		}
	}
	return values
}
