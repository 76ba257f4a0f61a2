package wsgate_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/wsgate/wsgate"
)

type traceKey struct{}

func withTrace(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, traceKey{}, id)
}

// A hook's context has what ConnContext has taken out of the request, and nothing else of it.
func TestConnContext(t *testing.T) {
	fromHeader := func(r *http.Request) context.Context {
		ctx, cancel := context.WithCancel(withTrace(context.Background(), r.Header.Get("Trace")))
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
		bubble(t, test.name, func(t *testing.T) {
			var found []string
			look := func(ctx context.Context, hook string) error {
				id, ok := ctx.Value(traceKey{}).(string)
				if !ok {
					id = "none"
				}
				found = append(found, hook+" "+id)
				if hook != "close" && ctx.Err() != nil {
					t.Errorf("the context of %s is done: %v", hook, ctx.Err())
				}
				return nil
			}
			g := &messageGateway{testHooks: testHooks{
				open:  func(ctx context.Context, _ *testConn) error { return look(ctx, "open") },
				close: func(ctx context.Context, _ *testConn, _ error) { _ = look(ctx, "close") },
			}, message: func(ctx context.Context, _ *testConn, _ wsgate.Message) error { return look(ctx, "message") }}
			borrowed := func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					next.ServeHTTP(w, r.WithContext(withTrace(r.Context(), "the request's own")))
				})
			}
			app := newApp(t, &wsgate.Options{HTTP: []any{borrowed}, ConnContext: test.make}, routeTo("/ws", g))
			c := dialWith(t, app, "/ws", http.Header{"Trace": {"17"}})
			c.say("?")
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
		{"derived", func(r *http.Request) context.Context { return context.WithoutCancel(withTrace(r.Context(), "17")) }, "derived from the request's"},
		{"nil", func(*http.Request) context.Context { return nil }, "returned nil"},
		{"a panic", func(*http.Request) context.Context { panic("oh no") }, "oh no"},
	} {
		bubble(t, test.name, func(t *testing.T) {
			app := newApp(t, &wsgate.Options{ConnContext: test.make}, routeTo("/ws", &messageGateway{}))
			if resp := dialRefused(t, app, "/ws", nil); resp.StatusCode != http.StatusInternalServerError {
				t.Errorf("got status %d, want 500", resp.StatusCode)
			}
			if lines := app.log.with("ERROR", "upgrade failed", test.log); len(lines) != 1 {
				t.Errorf("logged %q, want it once", app.log.with())
			}
		})
	}
}

// What is logged of a hook that failed has the context that middleware has given the hook.
func TestLogHasContextOfMiddleware(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		fail := errors.New("oh no")
		trace := func(next wsgate.Handler) wsgate.Handler {
			return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
				return next(withTrace(ctx, "of "+in.Hook), c, in)
			}
		}
		refuse := false
		g := &messageGateway{testHooks: testHooks{
			open: func(context.Context, *testConn) error {
				if refuse {
					return fail
				}
				return nil
			},
			close: func(context.Context, *testConn, error) { panic("oh no") },
		}, message: func(context.Context, *testConn, wsgate.Message) error { return fail }}
		app := newApp(t, &wsgate.Options{Use: []any{trace}}, routeTo("/ws", g))
		c := dial(t, app, "/ws")
		c.say("?")
		c.hear()
		c.Close(1000, "")
		synctest.Wait()
		refuse = true
		dial(t, app, "/ws")
		synctest.Wait()
		for _, hook := range [][2]string{{"message handler failed", "message"}, {"OnClose failed", "close"}, {"OnOpen failed", "open"}} {
			if lines := app.log.with(hook[0], "trace=of "+hook[1]); len(lines) != 1 {
				t.Errorf("%s is not logged with the trace of %s: %q", hook[0], hook[1], app.log.with())
			}
		}
	})
}
