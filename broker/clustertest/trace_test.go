package clustertest

import (
	"context"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/metrics/otel"
	"github.com/wsgate/wsgate/wstest"
)

const (
	tracedSay  wsgate.Event[string] = "say"
	tracedSaid wsgate.Event[string] = "said"
)

// tracedChat passes on what is said.
type tracedChat struct{}

func (*tracedChat) OnOpen(_ context.Context, c *wsgate.Conn[struct{}]) error { return c.Join("lobby") }

func (*tracedChat) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{wsgate.On(tracedSay, func(_ context.Context, c *wsgate.Conn[struct{}], text string) error {
		return tracedSaid.Emit(c.Room("lobby"), text)
	})}
}

// A trace goes from the handler of one node through the broker to the deliveries of another, and the numbers of both
// say so.
func TestTraceThroughBrokers(t *testing.T) {
	overEngines(t, func(t *testing.T, s *server) {
		traced := func() (*wstest.App, *tracetest.InMemoryExporter) {
			spans := tracetest.NewInMemoryExporter()
			telemetry, err := otel.New(&otel.Options{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))})
			if err != nil {
				t.Fatal(err)
			}
			return wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/chat", New: func() *tracedChat { return new(tracedChat) }}}},
				wstest.With(&wsgate.Options{Logger: quiet, Broker: s.connect(t), Tracer: telemetry, Use: []any{telemetry.Middleware}})), spans
		}
		here, sent := traced()
		there, delivered := traced()
		ann, bob := here.Dial("/chat"), there.Dial("/chat")
		wstest.Send(ann, tracedSay, "hi")
		if got := wstest.Next(bob, tracedSaid); got != "hi" {
			t.Errorf("got %q", got)
		}
		wstest.Next(ann, tracedSaid)
		parent, child := awaitSpan(t, sent, "/chat/_OTHER"), awaitSpan(t, delivered, "deliver /chat")
		if child.Parent.SpanID() != parent.SpanContext.SpanID() || child.SpanContext.TraceID() != parent.SpanContext.TraceID() {
			t.Errorf("the delivery is span %v with the parent %v, want the parent %v", child.SpanContext, child.Parent, parent.SpanContext)
		}
		if n := here.Stats(); !n.Broker || !n.BrokerUp || n.Published == 0 || n.Failed != 0 || n.Topics == 0 {
			t.Errorf("the sender has the numbers %+v", n)
		}
		n := there.Stats()
		ignored := uint64(0)
		for _, count := range n.Ignored {
			ignored += count
		}
		if n.Received == 0 || ignored != 0 || n.Routes["/chat"].Deliveries != 1 {
			t.Errorf("the receiver has the numbers %+v", n)
		}
	})
}

// awaitSpan returns the span with that name, once it has ended.
func awaitSpan(t *testing.T, spans *tracetest.InMemoryExporter, name string) tracetest.SpanStub {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		for _, s := range spans.GetSpans() {
			if s.Name == name {
				return s
			}
		}
	}
	t.Fatalf("there is no span %q", name)
	return tracetest.SpanStub{}
}
