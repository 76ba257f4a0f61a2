package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wsgate/wsgate"
)

func TestInvoke(t *testing.T) {
	app := newAppOf(t, nil, &wsgate.Module{
		Provide:  []any{newDisk},
		Private:  []any{newCache},
		Gateways: []wsgate.Route{{Path: "/", New: newFine}},
	})
	var got *disk
	if err := app.Invoke(func(d *disk, h *wsgate.Hub, l *slog.Logger) {
		if h != app.Hub() || l == nil {
			t.Errorf("got hub %p and logger %p", h, l)
		}
		got = d
	}); err != nil || got == nil {
		t.Errorf("got %v, %v", got, err)
	}
	if err := app.Invoke(func(d *disk) error {
		if d != got {
			t.Error("got another service")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := app.Invoke(func(*disk) error { return fmt.Errorf("wiring: %w", errOfService) }); !errors.Is(err, errOfService) || err.Error() != "wiring: the disk is full" {
		t.Errorf("got %v, want the function's own error", err)
	}
	var missing func()
	for _, test := range []struct {
		name string
		fn   any
		want []string
	}{
		{"missing", func(*hen) error { return nil }, []string{"App.Invoke", "*wsgate_test.hen", "wiring_test.go:"}},
		{"private", func(*cache) {}, []string{"App.Invoke", "*wsgate_test.cache", "wiring_test.go:"}},
		{"value for pointer", func(disk) {}, []string{"App.Invoke", "wsgate_test.disk", "*wsgate_test.disk"}},
		{"nil", nil, []string{"App.Invoke", "nil", "want func"}},
		{"nil function", missing, []string{"App.Invoke", "nil", "want func"}},
		{"no function", "text", []string{"App.Invoke", "have string", "want func"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			defer func() {
				if v := recover(); v != nil {
					t.Fatalf("Invoke panicked: %v", v)
				}
			}()
			checkText(t, wellFormed(t, app.Invoke(test.fn)), test.want...)
		})
	}
}

// The function that Invoke calls may call it as well, also on other goroutines that it waits for.
func TestInvokeInInvoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newAppOf(t, nil, &wsgate.Module{Provide: []any{newDisk}})
		calls := 0
		if err := app.Invoke(func(d *disk, _ ...int) error {
			calls++
			done := make(chan error)
			go func() {
				done <- app.Invoke(func(other *disk) error {
					if calls++; other != d {
						t.Error("got another service")
					}
					return errOfService
				})
			}()
			return errors.Join(<-done, app.Invoke(func(*disk) (int, *noError) { calls++; return 1, nil }))
		}); !errors.Is(err, errOfService) || calls != 3 {
			t.Errorf("got %v after %d calls", err, calls)
		}
	})
}

type noError struct{}

func (*noError) Error() string { return "no error" }

func get(t *testing.T, h http.Handler, target string) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return fmt.Sprintf("%d %s", w.Code, strings.TrimSpace(w.Body.String()))
}

func TestHandle(t *testing.T) {
	app := newAppOf(t, nil, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/ws", New: newFine}, {Path: "/ws/{room}", New: newFine}}})
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "page %s", r.PathValue("name")) })
	for _, pattern := range []string{"/", "GET /pages/{name}", "/ws/{room}/log", "/health", "PROPFIND example.com/x/", "GET  /two/spaces"} {
		if err := app.Handle(pattern, page); err != nil {
			t.Error(err)
		}
	}
	if got := get(t, app, "/pages/ann"); got != "200 page ann" {
		t.Errorf("got %q, want the page", got)
	}
	dial(t, app, "/ws/x")
	dial(t, app, "/ws")
	var missing http.HandlerFunc
	for _, test := range []struct {
		pattern string
		h       http.Handler
		want    string
	}{
		{"/ws", page, `"/ws"`},
		{"/ws/{name}", page, `"/ws/{room}"`},
		{"/health", page, `"/health"`},
		{"", page, "pattern"},
		{"no path", page, "pattern"},
		{"//x", page, "no request"},
		{"/a/../b", page, "no request"},
		{"GET example.com:80/x", page, "no request"},
		{"Example.com/x", page, "no request"},
		{"*.example.com/x", page, "no request"},
		{"get /x", page, "no request"},
		{"/x?y=1", page, "no request"},
		{"/x/{", page, "pattern"},
		{"/nil", nil, "nil"},
		{"/nil", missing, "nil"},
	} {
		err := app.Handle(test.pattern, test.h) // handles
		text := wellFormed(t, err)
		checkText(t, text, test.want, at("handles"))
		if strings.Contains(text, "registry.go") {
			t.Errorf("a place inside the library:\n%s", text)
		}
	}
	if got := get(t, app, "/health"); got != "200 page" {
		t.Errorf("got %q, want the page", got)
	}
}

func TestHTTPMiddlewareOrder(t *testing.T) {
	type key struct{}
	var order []string
	step := func(name string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				order = append(order, name)
				before, _ := r.Context().Value(key{}).(string)
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, before+name)))
			})
		}
	}
	values := make(chan any, 1)
	g := &messageGateway{testHooks: testHooks{upgrade: func(r *http.Request) (testData, error) {
		values <- r.Context().Value(key{})
		return testData{}, nil
	}}}
	app := newApp(t, &wsgate.Options{HTTP: []any{step("a"), step("b"), step("c")}}, routeTo("/ws", g))
	if err := app.Handle("/page", http.NotFoundHandler()); err != nil {
		t.Fatal(err)
	}
	want := []string{"a", "b", "c"}
	for _, target := range []string{"/page", "/nowhere"} {
		if get(t, app, target); !slices.Equal(order, want) {
			t.Errorf("%s: got order %v, want %v", target, order, want)
		}
		order = nil
	}
	dial(t, app, "/ws")
	if v := <-values; v != "abc" || !slices.Equal(order, want) {
		t.Errorf("got order %v and value %v, want %v and abc", order, v, want)
	}
}
