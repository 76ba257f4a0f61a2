package prometheus_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/leak"
	"github.com/wsgate/wsgate/metrics/prometheus"
	"github.com/wsgate/wsgate/wstest"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }

const (
	say  wsgate.Event[string]   = "say"
	said wsgate.Event[string]   = "said"
	ask  wsgate.Call[int, int]  = "ask"
	odd  wsgate.Event[struct{}] = "odd"
)

type chat struct{}

type conn = wsgate.Conn[struct{}]

func (*chat) OnOpen(_ context.Context, c *conn) error { return c.Join("lobby") }

func (*chat) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{
		wsgate.On(say, func(_ context.Context, c *conn, text string) error { return said.Emit(c.Room("lobby"), text) }),
		wsgate.Answer(ask, func(_ context.Context, _ *conn, n int) (int, error) {
			if n > 9 {
				return 0, wsgate.Errorf(wsgate.Invalid, "too much")
			}
			return n, nil
		}),
		wsgate.On(odd, func(context.Context, *conn, struct{}) error { return wsgate.Errorf("ok", "\xff is a code as well") }),
	}
}

// start returns an App with a Collector, and what serves its numbers.
func start(t *testing.T, o *wsgate.Options) (app *wstest.App, registry *client.Registry, scrape func() string) {
	t.Helper()
	metrics := prometheus.New(nil)
	o.Use = []any{metrics.Middleware}
	app = wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/chat/{room}", New: func() *chat { return new(chat) }}}}, wstest.With(o))
	metrics.Watch(app.App)
	registry = client.NewPedanticRegistry()
	registry.MustRegister(metrics)
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
	return app, registry, func() string {
		t.Helper()
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		body, err := io.ReadAll(w.Result().Body)
		if err != nil || w.Code != http.StatusOK {
			t.Fatalf("status %d, error %v: %s", w.Code, err, body)
		}
		return string(body)
	}
}

func TestScrape(t *testing.T) {
	app, registry, scrape := start(t, &wsgate.Options{Broker: new(local.Broker)})
	ann, bob := app.Dial("/chat/x"), app.Dial("/chat/x")
	wstest.Send(ann, say, "hi")
	wstest.Next(ann, said)
	wstest.Next(bob, said)
	wstest.Ask(ann, ask, 1)
	wstest.TryAsk(ann, ask, 10)
	for i := range 100 {
		ann.Send(wsgate.Text(fmt.Sprintf(`{"type":"invented %d","id":%d}`, i, i)))
		wstest.ExpectError(ann, wsgate.UnknownEvent)
	}
	wstest.Send(ann, odd, struct{}{})
	wstest.ExpectError(ann, "ok") // a code of its own, which adds to what succeeds
	wstest.Ask(ann, ask, 2)       // what came before is counted now
	bob.Close(1000, "")
	text := await(t, scrape, `wsgate_closed_total{cause="client",code="1000",route="/chat/{room}"} 1`)
	for _, line := range []string{
		`wsgate_connections{route="/chat/{room}"} 1`,
		`wsgate_upgrades_total{route="/chat/{room}",status="101"} 2`,
		`wsgate_events_total{code="ok",event="say",route="/chat/{room}"} 1`,
		`wsgate_events_total{code="invalid",event="ask",route="/chat/{room}"} 1`,
		`wsgate_events_total{code="unknown_event",event="$other",route="/chat/{room}"} 100`,
		`wsgate_events_total{code="ok",event="odd",route="/chat/{room}"} 1`,
		`wsgate_broadcasts_total{route="/chat/{room}"} 1`,
		`wsgate_deliveries_total{route="/chat/{room}"} 2`,
		`wsgate_broker_up 1`,
		`wsgate_broker_ignored_messages_total{reason="late"} 0`,
		`wsgate_handler_duration_seconds_count{event="ask",route="/chat/{room}"} 3`,
		`wsgate_handler_duration_seconds_count{event="$other",route="/chat/{room}"} 100`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("there is no line %s in\n%s", line, text)
		}
	}
	if strings.Contains(text, "invented") {
		t.Errorf("a name that a client has made up is a label:\n%s", text)
	}
	lint(t, registry)
}

// lint fails the test for names and texts that are not what Prometheus recommends.
func lint(t *testing.T, registry *client.Registry) {
	t.Helper()
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Error(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// await scrapes until there is a line.
func await(t *testing.T, scrape func() string, line string) string {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		text := scrape()
		if strings.Contains(text, line) {
			return text
		}
		if time.Now().After(end) {
			t.Fatalf("there is no line %s in\n%s", line, text)
		}
	}
}
