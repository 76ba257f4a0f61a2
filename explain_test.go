package wsgate_test

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

type explained struct{ kit.Hooks }

func newExplained() *explained { return &explained{} }

type question struct{ Limit int }

func (*explained) Events() wsgate.Events[kit.Data] {
	return wsgate.Events[kit.Data]{
		wsgate.On("say", func(context.Context, *kit.Conn, string) error { return nil }),
		wsgate.Answer("history", func(context.Context, *kit.Conn, question) ([]string, error) { return nil, nil }),
	}
}

type timeless struct{}

func newTimeless() *timeless { return &timeless{} }

func (*timeless) OnUpgrade(*http.Request) (time.Time, error) { return time.Time{}, nil }

func countCalls(next wsgate.Handler) wsgate.Handler  { return next }
func checkTenant(next wsgate.Handler) wsgate.Handler { return next }

func explainedApp(t *testing.T, opts wsgate.Options) *kit.App {
	opts.Use = []any{countCalls}
	return kit.NewApp(t, &opts,
		wsgate.Route{
			Path: "/ws/chat/{room}", New: newExplained, Use: []any{checkTenant},
			Subprotocols: []string{"chat.v2", "chat.v1"}, Envelope: wsgate.Envelope{Type: "event", Data: "payload"},
			Limits: &wsgate.Limits{Message: 1 << 10, Ping: time.Minute},
		},
		wsgate.Route{Path: "/ws/clock", New: newTimeless},
	)
}

func TestExplain(t *testing.T) {
	app := explainedApp(t, wsgate.Options{})
	var out strings.Builder
	if err := app.Explain(&out); err != nil {
		t.Fatal(err)
	}
	want := `/ws/chat/{room}  *wsgate_test.explained  explain_test.go:20
    hooks         OnUpgrade, OnOpen, OnClose, Events
    data          kit.Data
    call          history  wsgate_test.question -> []string  explain_test.go:27
    event         say      string                            explain_test.go:26
    middleware    wsgate_test.countCalls, wsgate_test.checkTenant
    subprotocols  chat.v2, chat.v1
    envelope      type "event", id "id", data "payload"
    limits        Message 1024, Ping 1m0s

/ws/clock  *wsgate_test.timeless  explain_test.go:33
    hooks       OnUpgrade
    data        time.Time
    middleware  wsgate_test.countCalls
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRoutes(t *testing.T) {
	routes := explainedApp(t, wsgate.Options{}).Routes()
	if len(routes) != 2 {
		t.Fatalf("got %d routes", len(routes))
	}
	chat := routes[0]
	if chat.Gateway != reflect.TypeFor[*explained]() || chat.Data != reflect.TypeFor[kit.Data]() {
		t.Errorf("got %v with %v", chat.Gateway, chat.Data)
	}
	if chat.Limits.Message != 1<<10 || chat.Limits.Pong != 10*time.Second {
		t.Errorf("got limits %+v", chat.Limits)
	}
	if chat.Envelope != (wsgate.Envelope{Type: "event", ID: "id", Data: "payload"}) || routes[1].Envelope != (wsgate.Envelope{Type: "type", ID: "id"}) {
		t.Errorf("got envelopes %+v, %+v", chat.Envelope, routes[1].Envelope)
	}
	history := chat.Events[0]
	if history.Name != "history" || history.Payload != reflect.TypeFor[question]() || history.Answer != reflect.TypeFor[[]string]() || chat.Events[1].Answer != nil {
		t.Errorf("got %+v", chat.Events)
	}
}

// Start says at debug level what was found, and warns of every protection that was taken down.
func TestReportAtStart(t *testing.T) {
	for _, test := range []struct {
		name string
		opts wsgate.Options
		want []string
	}{
		{"defaults", wsgate.Options{}, nil},
		{"moderate limits and origins", wsgate.Options{
			Origins: []string{"*.example.com", "https://example.com"},
			Limits:  wsgate.Limits{Message: 1 << 20, QueueBytes: 16 << 20, Ping: 6 * time.Minute},
		}, nil},
		{"opaque origins", wsgate.Options{Origins: []string{"https://example.com", "Null"}}, []string{`Options.Origins has "null"`}},
		{"any origin", wsgate.Options{Origins: []string{"*"}}, []string{`Options.Origins has "*"`}},
		{"any https origin", wsgate.Options{Origins: []string{"example.com", "https://*"}}, []string{`Options.Origins has "https://*"`}},
		{"compression", wsgate.Options{Compression: true}, []string{"Options.Compression is on"}},
		{"huge messages", wsgate.Options{Limits: wsgate.Limits{Message: 100 << 20}}, []string{"Options: Limits.Message is 104857600, the default is 65536"}},
		{"queues without a bound", wsgate.Options{Limits: wsgate.Limits{QueueBytes: 1 << 40, QueueMessages: 1 << 40}}, []string{"Limits.QueueBytes", "Limits.QueueMessages"}},
		{"no heartbeat", wsgate.Options{Limits: wsgate.Limits{Ping: 24 * time.Hour}}, []string{"Limits.Ping is 24h0m0s, the default is 25s"}},
		{"a high rate", wsgate.Options{Limits: wsgate.Limits{Rate: 3201}}, []string{"Limits.Rate is 3201, the default is 200"}},
		{"no limit of the rate", wsgate.Options{Limits: wsgate.Limits{Rate: math.MaxInt}}, []string{"Limits.Rate is 9223372036854775807, the default is 200"}},
		{"a rate for a game", wsgate.Options{Limits: wsgate.Limits{Rate: 3200, Burst: 1 << 10}}, nil},
		{"huge bursts", wsgate.Options{Limits: wsgate.Limits{Rate: 10, Burst: 321}}, []string{"Limits.Burst is 321, the default is 20"}},
		{"as many connections as can leave in time", wsgate.Options{Limits: wsgate.Limits{Connections: 7500}}, nil},
		{"more connections than can leave in time", wsgate.Options{Limits: wsgate.Limits{Connections: 7501}}, []string{"Limits.Connections is 7501, and half of Limits.Drain, 30s, at a Limits.DrainPace of 500 a second is enough for 7500"}},
		{"many connections, and time for them", wsgate.Options{Limits: wsgate.Limits{Connections: 100_000, DrainPace: 2000, Drain: 100 * time.Second}}, nil},
		{"all leave at once", wsgate.Options{Limits: wsgate.Limits{Connections: 1 << 20, DrainPace: 1 << 60}}, []string{"Limits.DrainPace is 1152921504606846976, the default is 500: it bounds how many clients a second"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			app := kit.NewApp(t, &test.opts, wsgate.Route{Path: "/", New: newExplained})
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := app.Log.With()
			if len(got) != len(test.want) {
				t.Fatalf("got %q, want %q", got, test.want)
			}
			for i, want := range test.want {
				if !strings.Contains(got[i], want) || !strings.HasPrefix(got[i], "WARN wsgate: audit: ") {
					t.Errorf("got %q, want %q", got[i], want)
				}
			}
		})
	}
	t.Run("of a route", func(t *testing.T) {
		app := kit.NewApp(t, nil, wsgate.Route{Path: "/big", New: newExplained, Limits: &wsgate.Limits{RoomName: 1 << 20}})
		app.Start(t.Context())
		if got := app.Log.With(); len(got) != 1 || !strings.Contains(got[0], `route "/big": Limits.RoomName`) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("routes at debug level", func(t *testing.T) {
		var out strings.Builder
		logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: newExplained}}}, &wsgate.Options{Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		defer app.Shutdown(t.Context())
		app.Start(t.Context())
		lines := slices.Collect(strings.Lines(out.String()))
		if len(lines) != 1 || !strings.Contains(lines[0], `level=DEBUG msg="wsgate: route" path=/ gateway=*wsgate_test.explained pos=explain_test.go:20`) ||
			!strings.Contains(lines[0], `events="[history say]"`) {
			t.Errorf("got %s", out.String())
		}
	})
}
