package wsgate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// Requests that are refused get the right status, and nothing of an error that is not meant for them.
func TestUpgradeRequests(t *testing.T) {
	g := &kit.MessageGateway{Hooks: kit.Hooks{Upgrade: func(r *http.Request) (kit.Data, error) {
		switch code := wsgate.Code(r.FormValue("name")); code {
		case "":
			return kit.Data{}, nil
		case "secret":
			return kit.Data{}, errors.New("secret")
		case "wrapped":
			return kit.Data{}, fmt.Errorf("secret: %w", wsgate.Errorf(wsgate.Denied, "for you"))
		default:
			return kit.Data{}, wsgate.Errorf(code, "for you")
		}
	}}}
	status := func(t *testing.T, target string, header http.Header, want int, body string) {
		t.Helper()
		resp := kit.DialRefused(t, kit.NewApp(t, &wsgate.Options{Origins: []string{"*.friend.example"}}, kit.RouteTo("/ws", g)), target, header)
		var got bytes.Buffer
		got.ReadFrom(resp.Body)
		if resp.StatusCode != want || !strings.Contains(got.String(), body) || strings.Contains(got.String(), "secret") {
			t.Errorf("%s %v: got status %d %q, want %d %q", target, header, resp.StatusCode, &got, want, body)
		}
	}
	for code, want := range map[wsgate.Code]int{
		wsgate.Malformed: 400, wsgate.Invalid: 400, wsgate.Unauthenticated: 401, wsgate.Denied: 403, wsgate.NotFound: 404,
		wsgate.Conflict: 409, wsgate.RateLimited: 429, wsgate.Internal: 500, wsgate.Unavailable: 503, "own": 500, "wrapped": 403,
	} {
		status(t, "/ws?name="+string(code), nil, want, "for you")
	}
	status(t, "/ws?name=secret", nil, 500, "")
	status(t, "/nowhere", nil, 404, "")
	status(t, "/ws", http.Header{"Origin": {"https://evil.example"}}, 403, "")
	status(t, "/ws", http.Header{"Origin": {"null"}}, 403, "")
	status(t, "/ws", http.Header{"Origin": {"http://example.com", "http://example.com"}}, 400, "Origin")
	status(t, "/ws?name=denied", http.Header{"Origin": {"https://evil.example"}}, 403, "") // OnUpgrade does not run
	app := kit.NewApp(t, &wsgate.Options{Origins: []string{"*.friend.example"}}, kit.RouteTo("/ws", g))
	for _, origin := range []string{"http://example.com", "https://a.friend.example"} {
		kit.DialWith(t, app, "/ws", http.Header{"Origin": {origin}}).Close(websocket.StatusNormalClosure, "")
	}
}

// Those who are refused together are told to come back at different times.
func TestRetryAfterIsSpread(t *testing.T) {
	app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{Hooks: kit.Hooks{Upgrade: func(*http.Request) (kit.Data, error) {
		return kit.Data{}, wsgate.Errorf(wsgate.RateLimited, "later")
	}}}))
	seen := map[int]bool{}
	for range 200 {
		resp := kit.DialRefused(t, app, "/ws", nil)
		seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil || seconds < 1 || seconds > 10 {
			t.Fatalf("got Retry-After %q, want 1 to 10", resp.Header.Get("Retry-After"))
		}
		seen[seconds] = true
	}
	if len(seen) < 8 { // all ten but with a chance of one in a hundred million
		t.Errorf("200 clients got only %d different times", len(seen))
	}
}

// A request that announces a body is refused at once: net/http would wait for the body before it answers.
func TestUpgradeWithBody(t *testing.T) {
	upgrades := 0
	addr := kit.OverTCP(t, kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{Hooks: kit.Hooks{
		Upgrade: func(*http.Request) (kit.Data, error) { upgrades++; return kit.Data{}, nil },
	}})))
	for _, field := range []string{"Content-Length: 10", "Transfer-Encoding: chunked"} {
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(kit.Patience))
		fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n\r\n", field)
		answer := make([]byte, len("HTTP/1.1 400"))
		if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 400" {
			t.Errorf("%s: got %q, %v, want status 400", field, answer, err)
		}
	}
	if upgrades > 0 {
		t.Errorf("OnUpgrade ran %d times", upgrades)
	}
}

// A hook's context has what ConnContext has taken out of the request, and nothing else of it.
func TestConnContext(t *testing.T) {
	fromHeader := func(r *http.Request) context.Context {
		ctx, cancel := context.WithCancel(kit.WithTrace(context.Background(), r.Header.Get("Trace")))
		cancel() // only the values count
		return ctx
	}
	for _, test := range []struct {
		name string
		make func(*http.Request) context.Context
		want string
	}{
		{"without it", nil, "none"},
		{"with it", fromHeader, "17"},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			var found []string
			look := func(ctx context.Context, hook string) error {
				id, ok := kit.TraceOf(ctx)
				if !ok {
					id = "none"
				}
				found = append(found, hook+" "+id)
				if hook != "close" && ctx.Err() != nil {
					t.Errorf("the context of %s is done: %v", hook, ctx.Err())
				}
				return nil
			}
			g := &kit.MessageGateway{Hooks: kit.Hooks{
				Open:  func(ctx context.Context, _ *kit.Conn) error { return look(ctx, "open") },
				Close: func(ctx context.Context, _ *kit.Conn, _ error) { _ = look(ctx, "close") },
			}, Message: func(ctx context.Context, _ *kit.Conn, _ wsgate.Message) error { return look(ctx, "message") }}
			borrowed := func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					next.ServeHTTP(w, r.WithContext(kit.WithTrace(r.Context(), "the request's own")))
				})
			}
			app := kit.NewApp(t, &wsgate.Options{HTTP: []any{borrowed}, ConnContext: test.make}, kit.RouteTo("/ws", g))
			c := kit.DialWith(t, app, "/ws", http.Header{"Trace": {"17"}})
			c.Say("?")
			synctest.Wait()
			c.Close(1000, "")
			synctest.Wait()
			want := []string{"open " + test.want, "message " + test.want, "close " + test.want}
			if !slices.Equal(found, want) {
				t.Errorf("got %q, want %q", found, want)
			}
		})
	}
}

// A context that is derived from the request's would be another request's in a moment. It is refused, as is none.
func TestConnContextRefused(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(*http.Request) context.Context
		log  string
	}{
		{"the request's own", func(r *http.Request) context.Context { return r.Context() }, "derived from the request's"},
		{"derived", func(r *http.Request) context.Context { return context.WithoutCancel(kit.WithTrace(r.Context(), "17")) }, "derived from the request's"},
		{"nil", func(*http.Request) context.Context { return nil }, "returned nil"},
		{"a panic", func(*http.Request) context.Context { panic("oh no") }, "oh no"},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			app := kit.NewApp(t, &wsgate.Options{ConnContext: test.make}, kit.RouteTo("/ws", &kit.MessageGateway{}))
			if resp := kit.DialRefused(t, app, "/ws", nil); resp.StatusCode != http.StatusInternalServerError {
				t.Errorf("got status %d, want 500", resp.StatusCode)
			}
			if lines := app.Log.With("ERROR", "upgrade failed", test.log); len(lines) != 1 {
				t.Errorf("logged %q, want it once", app.Log.With())
			}
		})
	}
}

// What is logged of a hook that failed has the context that middleware has given the hook.
func TestLogHasContextOfMiddleware(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		fail := errors.New("oh no")
		trace := func(next wsgate.Handler) wsgate.Handler {
			return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
				return next(kit.WithTrace(ctx, "of "+in.Hook), c, in)
			}
		}
		refuse := false
		g := &kit.MessageGateway{Hooks: kit.Hooks{
			Open: func(context.Context, *kit.Conn) error {
				if refuse {
					return fail
				}
				return nil
			},
			Close: func(context.Context, *kit.Conn, error) { panic("oh no") },
		}, Message: func(context.Context, *kit.Conn, wsgate.Message) error { return fail }}
		app := kit.NewApp(t, &wsgate.Options{Use: []any{trace}}, kit.RouteTo("/ws", g))
		c := kit.Dial(t, app, "/ws")
		c.Say("?")
		c.Hear()
		c.Close(1000, "")
		synctest.Wait()
		refuse = true
		kit.Dial(t, app, "/ws")
		synctest.Wait()
		for _, hook := range [][2]string{{"message handler failed", "message"}, {"OnClose failed", "close"}, {"OnOpen failed", "open"}} {
			if lines := app.Log.With(hook[0], "trace=of "+hook[1]); len(lines) != 1 {
				t.Errorf("%s is not logged with the trace of %s: %q", hook[0], hook[1], app.Log.With())
			}
		}
	})
}
