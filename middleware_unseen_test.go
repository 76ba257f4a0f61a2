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
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// seen notes every hook that middleware sees, and the cause of an end.
func seen(happened *kit.Journal) wsgate.Middleware {
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
		happened.Add("%s", what)
		return next(ctx, c, in)
	})
}

// What middleware does not see, and by which close it hears of it all the same; docs/gateways.md has the list.
func TestMiddlewareDoesNotSee(t *testing.T) {
	text := func(s string) []byte { return wire.Masked(wire.Text, []byte(s)) }
	for _, test := range []struct {
		name string
		do   func(t *testing.T, app *kit.App, c *kit.RawClient, server *kit.Conn)
		want string // between the opening and the end of the test
	}{
		{"pings and pongs", func(_ *testing.T, _ *kit.App, c *kit.RawClient, _ *kit.Conn) {
			c.Put(wire.Masked(wire.Ping, nil), wire.Masked(wire.Pong, nil))
		}, ""},
		{"silence", func(*testing.T, *kit.App, *kit.RawClient, *kit.Conn) { wstest.Pass(time.Minute) }, "close silent"},
		{"a message that is too long", func(_ *testing.T, _ *kit.App, c *kit.RawClient, _ *kit.Conn) {
			c.Put(text(strings.Repeat("x", 1001)))
		}, "close limit"},
		{"a message in too many frames", func(_ *testing.T, _ *kit.App, c *kit.RawClient, _ *kit.Conn) {
			c.Put(wire.Masked(wire.Text&^0x80, nil), bytes.Repeat(wire.Masked(0, nil), 20))
		}, "close limit"},
		{"a message that takes too long", func(_ *testing.T, _ *kit.App, c *kit.RawClient, _ *kit.Conn) {
			c.Put(text("x")[:3])
			wstest.Pass(time.Minute)
		}, "close limit"},
		{"text that is not UTF-8", func(_ *testing.T, _ *kit.App, c *kit.RawClient, _ *kit.Conn) { c.Put(text("\xff")) }, "close"},
		{"a close frame", func(_ *testing.T, _ *kit.App, c *kit.RawClient, _ *kit.Conn) { c.Put(kit.CloseFrame(4000, "")) }, "close 4000"},
		{"a queue that is full", func(_ *testing.T, _ *kit.App, _ *kit.RawClient, server *kit.Conn) {
			for server.Send(wsgate.Text("x")) == nil {
				continue
			}
			wstest.Pass(time.Minute)
		}, "close slow"},
		{"what is sent, joined and left", func(_ *testing.T, app *kit.App, _ *kit.RawClient, server *kit.Conn) {
			app.Hub().Send(wsgate.Text("x"))
			server.Join("room")
			server.Leave("room")
		}, ""},
		{"a message after the App's close", func(_ *testing.T, _ *kit.App, c *kit.RawClient, server *kit.Conn) {
			server.Close(4001, "")
			c.Put(text(`{"type":"poke"}`), kit.CloseFrame(4001, ""))
		}, "close 4001"},
		{"a client that connects elsewhere, as it was told to", func(_ *testing.T, app *kit.App, c *kit.RawClient, _ *kit.Conn) {
			go app.End()
			synctest.Wait()
			c.Put(text(`{"type":"$reconnect"}`), kit.CloseFrame(1000, ""))
		}, "close"},
		{"a message after the App's close in a shutdown", func(_ *testing.T, app *kit.App, c *kit.RawClient, _ *kit.Conn) {
			go app.End()
			wstest.Pass(3 * time.Second)
			c.Put(text(`{"type":"poke"}`), kit.CloseFrame(1012, ""))
		}, "close shutdown"},
		{"Disconnect", func(t *testing.T, app *kit.App, c *kit.RawClient, _ *kit.Conn) {
			if err := app.Hub().Disconnect(t.Context(), 4002, ""); err != nil {
				t.Error(err)
			}
			c.Put(kit.CloseFrame(4002, ""))
		}, "close 4002"},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			var happened, frames kit.Journal
			limits := wsgate.Limits{Message: 1000, MessageFrames: 10, Write: time.Second}
			app := kit.NewApp(t, &wsgate.Options{Limits: limits, Use: []any{seen(&happened)}}, eventRoute(new(kit.Journal)))
			c := kit.DialRaw(t, app, "/events")
			if test.name != "a queue that is full" {
				go c.ReadOn(&frames)
			}
			synctest.Wait()
			var server *kit.Conn
			for c := range app.Hub().Conns() {
				server = c.(*kit.Conn)
			}
			test.do(t, app, c, server)
			wstest.Pass(10 * time.Second)
			want := []string{"open"}
			if test.want != "" {
				want = append(want, test.want)
			}
			happened.Want(t, want...)
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
	refuse := &kit.MessageGateway{Hooks: kit.Hooks{Upgrade: func(r *http.Request) (kit.Data, error) {
		if r.FormValue("name") == "" {
			return kit.Data{}, wsgate.Errorf(wsgate.Unauthenticated, "who?")
		}
		return kit.Data{}, nil
	}}}
	var happened kit.Journal
	status := 0
	app := kit.NewApp(t, &wsgate.Options{
		Limits: wsgate.Limits{Connections: 1},
		Use:    []any{seen(&happened)},
		HTTP: []any{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				noting := &statusNoting{ResponseWriter: w}
				next.ServeHTTP(noting, r)
				status = noting.status
			})
		}},
	}, kit.RouteTo("/ws", refuse))
	refused := func(target, origin string, want int) {
		t.Helper()
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		if resp := kit.DialRefused(t, app, target, header); resp.StatusCode != want || status != want {
			t.Errorf("%s: the client got status %d, HTTP middleware saw %d, want %d", target, resp.StatusCode, status, want)
		}
	}
	refused("/ws", "", http.StatusUnauthorized)
	refused("/ws?name=ann", "https://elsewhere.example", http.StatusForbidden)
	refused("/nowhere", "", http.StatusNotFound)
	happened.Want(t)
	kit.Dial(t, app, "/ws?name=ann").Say("hello")
	refused("/ws?name=bob", "", http.StatusServiceUnavailable)
}
