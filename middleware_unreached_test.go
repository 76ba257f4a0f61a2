package wsgate_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// answering is HTTP middleware that answers what asks for it, and passes on the rest.
func answering(next http.Handler) http.Handler { // keeps
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("keep") != "" {
			fmt.Fprint(w, "kept")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// An upgrade that HTTP middleware has answered itself is logged once for each gateway, until one has reached it: after
// that the middleware knows whom it refuses.
func TestUpgradeThatMiddlewareKeeps(t *testing.T) {
	pass := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) })
	}
	late := func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Minute, "late") } // on another goroutine
	build := func(t *testing.T, http ...any) *kit.App {
		return kit.NewApp(t, &wsgate.Options{HTTP: http}, kit.RouteTo("/ws", &kit.MessageGateway{}), kit.RouteTo("/other/{x}", &kit.MessageGateway{}))
	}
	upgrade := func(t *testing.T, app *kit.App, target string) {
		t.Helper()
		conn, resp, err := memory.DialRaw(app, target, nil)
		if resp == nil {
			t.Fatal(err)
		}
		if conn != nil {
			conn.Close()
		}
	}
	logged := func(t *testing.T, app *kit.App, n int, words ...string) {
		t.Helper()
		if lines := app.Log.With(append(words, "WARN", "did not reach its gateway")...); len(lines) != n {
			t.Errorf("logged %q, want %d lines with %q", app.Log.With(), n, words)
		}
	}
	for _, test := range []struct {
		name  string
		http  []any
		which string
	}{
		{"alone", []any{answering}, "Options.HTTP[0]"},
		{"inside", []any{pass, answering, pass}, "Options.HTTP[1]"},
		{"constructed", []any{pass, func() func(http.Handler) http.Handler { return answering }}, "Options.HTTP[1]"},
		{"behind one that has another goroutine", []any{late, answering}, "Options.HTTP[1]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			app := build(t, test.http...)
			for range 2 {
				upgrade(t, app, "/ws?keep=1")
			}
			logged(t, app, 1, "path=/ws", test.which, kit.At("keeps"))
			upgrade(t, app, "/other/1?keep=1")
			logged(t, app, 1, "path=/other/{x}", test.which, kit.At("keeps"))
			logged(t, app, 2)
		})
	}
	t.Run("after one that was passed on", func(t *testing.T) {
		app := build(t, answering)
		upgrade(t, app, "/ws")
		upgrade(t, app, "/ws?keep=1")
		logged(t, app, 0)
	})
	t.Run("no upgrade, or of no gateway", func(t *testing.T) {
		app := build(t, answering)
		upgrade(t, app, "/nowhere?keep=1")
		resp, err := memory.Transport{Handler: app}.RoundTrip(httptest.NewRequest("GET", "/ws?keep=1", nil))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); string(body) != "kept" || err != nil {
			t.Errorf("got %q, %v", body, err)
		}
		logged(t, app, 0)
	})
}
