package wsgate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// seen notes every hook that middleware sees, and the cause of an end.
func seen(happened *journal) wsgate.Middleware {
	return adding(func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound, next wsgate.Handler) error {
		what := in.Hook + in.Event
		for name, known := range map[string]error{
			"slow": wsgate.ErrSlowClient, "silent": wsgate.ErrPingTimeout, "limit": wsgate.ErrLimit, "shutdown": wsgate.ErrShutdown,
		} {
			if errors.Is(in.Err, known) {
				what += " " + name
			}
		}
		if code := websocket.CloseStatus(in.Err); code != -1 {
			what += fmt.Sprintf(" %d", code)
		}
		happened.add("%s", what)
		return next(ctx, c, in)
	})
}

// What middleware does not see, and by which close it hears of it all the same; docs/gateways.md has the list.
func TestMiddlewareDoesNotSee(t *testing.T) {
	text := func(s string) []byte { return clientFrame(frameText, []byte(s)) }
	for _, test := range []struct {
		name string
		do   func(t *testing.T, app *testApp, c *rawClient, server *testConn)
		want string // between the opening and the end of the test
	}{
		{"pings and pongs", func(_ *testing.T, _ *testApp, c *rawClient, _ *testConn) {
			c.put(clientFrame(framePing, nil), clientFrame(framePong, nil))
		}, ""},
		{"silence", func(*testing.T, *testApp, *rawClient, *testConn) { wstest.Pass(time.Minute) }, "close silent"},
		{"a message that is too long", func(_ *testing.T, _ *testApp, c *rawClient, _ *testConn) {
			c.put(text(strings.Repeat("x", 1001)))
		}, "close limit"},
		{"a message in too many frames", func(_ *testing.T, _ *testApp, c *rawClient, _ *testConn) {
			c.put(clientFrame(frameText&^0x80, nil), bytes.Repeat(clientFrame(0, nil), 20))
		}, "close limit"},
		{"a message that takes too long", func(_ *testing.T, _ *testApp, c *rawClient, _ *testConn) {
			c.put(text("x")[:3])
			wstest.Pass(time.Minute)
		}, "close limit"},
		{"text that is not UTF-8", func(_ *testing.T, _ *testApp, c *rawClient, _ *testConn) { c.put(text("\xff")) }, "close"},
		{"a close frame", func(_ *testing.T, _ *testApp, c *rawClient, _ *testConn) { c.put(closeFrame(4000, "")) }, "close 4000"},
		{"a queue that is full", func(_ *testing.T, _ *testApp, _ *rawClient, server *testConn) {
			for server.Send(wsgate.Text("x")) == nil {
				continue
			}
			wstest.Pass(time.Minute)
		}, "close slow"},
		{"what is sent, joined and left", func(_ *testing.T, app *testApp, _ *rawClient, server *testConn) {
			app.Hub().Send(wsgate.Text("x"))
			server.Join("room")
			server.Leave("room")
		}, ""},
		{"a message after the App's close", func(_ *testing.T, _ *testApp, c *rawClient, server *testConn) {
			server.Close(4001, "")
			c.put(text(`{"type":"poke"}`), closeFrame(4001, ""))
		}, "close 4001"},
		{"a message after draining began", func(_ *testing.T, app *testApp, c *rawClient, _ *testConn) {
			go app.shutdown()
			synctest.Wait()
			c.put(text(`{"type":"poke"}`), closeFrame(1001, ""))
		}, "close shutdown"},
		{"Disconnect", func(t *testing.T, app *testApp, c *rawClient, _ *testConn) {
			if err := app.Hub().Disconnect(t.Context(), 4002, ""); err != nil {
				t.Error(err)
			}
			c.put(closeFrame(4002, ""))
		}, "close 4002"},
	} {
		bubble(t, test.name, func(t *testing.T) {
			var happened, frames journal
			limits := wsgate.Limits{Message: 1000, MessageFrames: 10, Write: time.Second}
			app := newApp(t, &wsgate.Options{Limits: limits, Use: []any{seen(&happened)}}, eventRoute(new(journal)))
			c := dialRaw(t, app, "/events")
			if test.name != "a queue that is full" {
				go c.readOn(&frames)
			}
			synctest.Wait()
			var server *testConn
			for c := range app.Hub().Conns() {
				server = c.(*testConn)
			}
			test.do(t, app, c, server)
			wstest.Pass(10 * time.Second)
			want := []string{"open"}
			if test.want != "" {
				want = append(want, test.want)
			}
			happened.want(t, want...)
		})
	}
}

// statusNoting is a ResponseWriter that notes the status.
type statusNoting struct {
	http.ResponseWriter
	status int
}

func (w *statusNoting) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusNoting) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Of a request that is refused only HTTP middleware hears.
func TestRefusedUpgradesAreForHTTPMiddleware(t *testing.T) {
	refuse := &messageGateway{testHooks: testHooks{upgrade: func(r *http.Request) (testData, error) {
		if r.FormValue("name") == "" {
			return testData{}, wsgate.Errorf(wsgate.Unauthenticated, "who?")
		}
		return testData{}, nil
	}}}
	var happened journal
	status := 0
	app := newApp(t, &wsgate.Options{
		Limits: wsgate.Limits{Connections: 1},
		Use:    []any{seen(&happened)},
		HTTP: []any{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				noting := &statusNoting{ResponseWriter: w}
				next.ServeHTTP(noting, r)
				status = noting.status
			})
		}},
	}, routeTo("/ws", refuse))
	refused := func(target, origin string, want int) {
		t.Helper()
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		if resp := dialRefused(t, app, target, header); resp.StatusCode != want || status != want {
			t.Errorf("%s: the client got status %d, HTTP middleware saw %d, want %d", target, resp.StatusCode, status, want)
		}
	}
	refused("/ws", "", http.StatusUnauthorized)
	refused("/ws?name=ann", "https://elsewhere.example", http.StatusForbidden)
	refused("/nowhere", "", http.StatusNotFound)
	happened.want(t)
	dial(t, app, "/ws?name=ann").say("hello")
	refused("/ws?name=bob", "", http.StatusServiceUnavailable)
}
