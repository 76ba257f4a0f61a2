package wsgate_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

func get(t *testing.T, h http.Handler, target string) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return fmt.Sprintf("%d %s", w.Code, strings.TrimSpace(w.Body.String()))
}

func TestHandle(t *testing.T) {
	app := kit.NewAppOf(t, nil, &wsgate.Module{Gateways: []wsgate.Route{{Path: "/ws", New: newFine}, {Path: "/ws/{room}", New: newFine}}})
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "page %s", r.PathValue("name")) })
	for _, pattern := range []string{"/", "GET /pages/{name}", "/ws/{room}/log", "/health", "PROPFIND example.com/x/", "GET  /two/spaces"} {
		if err := app.Handle(pattern, page); err != nil {
			t.Error(err)
		}
	}
	if got := get(t, app, "/pages/ann"); got != "200 page ann" {
		t.Errorf("got %q, want the page", got)
	}
	kit.Dial(t, app, "/ws/x")
	kit.Dial(t, app, "/ws")
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
		text := kit.WellFormed(t, err)
		kit.CheckText(t, text, test.want, kit.At("handles"))
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
	g := &kit.MessageGateway{Hooks: kit.Hooks{Upgrade: func(r *http.Request) (kit.Data, error) {
		values <- r.Context().Value(key{})
		return kit.Data{}, nil
	}}}
	app := kit.NewApp(t, &wsgate.Options{HTTP: []any{step("a"), step("b"), step("c")}}, kit.RouteTo("/ws", g))
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
	kit.Dial(t, app, "/ws")
	if v := <-values; v != "abc" || !slices.Equal(order, want) {
		t.Errorf("got order %v and value %v, want %v and abc", order, v, want)
	}
}
