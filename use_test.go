package wsgate_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// visits is a service that middleware needs.
type visits struct{ names []string }

func newVisits() *visits { return &visits{names: []string{"real"}} }

// visiting constructs middleware that notes a name at each opening.
func visiting(name string) func(*visits) wsgate.Middleware {
	return func(v *visits) wsgate.Middleware {
		v.names = append(v.names, "new "+name)
		return func(next wsgate.Handler) wsgate.Handler {
			return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
				if in.Hook == wsgate.HookOpen {
					v.names = append(v.names, name)
				}
				return next(ctx, c, in)
			}
		}
	}
}

// visitingHTTP is visiting for what Options.HTTP lists.
func visitingHTTP(name string) func(*visits) (func(http.Handler) http.Handler, error) {
	return func(v *visits) (func(http.Handler) http.Handler, error) {
		v.names = append(v.names, "new "+name)
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				v.names = append(v.names, name)
				next.ServeHTTP(w, r)
			})
		}, nil
	}
}

// Constructors of middleware stand in one list with middleware, are called once for each place, and see what their
// place sees.
func TestUseConstructors(t *testing.T) {
	fake := &visits{}
	plain := func(next wsgate.Handler) wsgate.Handler {
		return visiting("plain")(&visits{})(func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
			if in.Hook == wsgate.HookOpen {
				fake.names = append(fake.names, "plain")
			}
			return next(ctx, c, in)
		})
	}
	twice := visiting("twice")
	m := &wsgate.Module{
		Provide: []any{newVisits},
		Gateways: []wsgate.Route{
			{Path: "/a", New: newFine, Use: []any{visiting("a"), plain, twice}},
			{Path: "/b", New: newFine, Use: []any{twice}},
		},
	}
	app := wstest.New(t, m, wstest.Replace(fake), wstest.With(&wsgate.Options{
		Use:  []any{visiting("app"), wsgate.Middleware(plain)},
		HTTP: []any{visitingHTTP("outer"), visitingHTTP("inner")},
	}))
	want := []string{"new app", "new outer", "new inner", "new a", "new twice", "new twice"}
	if !slices.Equal(fake.names, want) {
		t.Errorf("constructed %q, want %q", fake.names, want)
	}
	fake.names = nil
	app.Dial("/a")
	if want := []string{"outer", "inner", "app", "plain", "a", "plain", "twice"}; !slices.Equal(fake.names, want) {
		t.Errorf("got %q, want %q", fake.names, want)
	}
	if got := len(app.Routes()[0].Middleware); got != 5 {
		t.Errorf("Routes tells of %d middleware, want 5", got)
	}
}

// A route's constructor sees the private services of its module, also where another module has one of that type.
func TestUseConstructorsAndPrivateServices(t *testing.T) {
	var got []*visits
	take := func(v *visits) (wsgate.Middleware, error) {
		got = append(got, v)
		return func(next wsgate.Handler) wsgate.Handler { return next }, nil
	}
	first, second := &visits{}, &visits{}
	app, err := wsgate.New(&wsgate.Module{
		Private:  []any{func() *visits { return first }},
		Gateways: []wsgate.Route{{Path: "/1", New: newFine, Use: []any{take}}},
		Imports: []*wsgate.Module{{
			Private:  []any{func() *visits { return second }},
			Gateways: []wsgate.Route{{Path: "/2", New: newFine, Use: []any{take}}},
		}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	app.Shutdown(t.Context())
	if !slices.Equal(got, []*visits{second, first}) {
		t.Errorf("got %p, want %p and %p", got, second, first)
	}
}

func TestBadEntriesOfUse(t *testing.T) {
	type named func(http.Handler) http.Handler
	pass := func(next wsgate.Handler) wsgate.Handler { return next }
	failing := func() (wsgate.Middleware, error) { return nil, errOfService }
	for _, test := range []struct {
		name  string
		entry any
		want  []string
	}{
		{"nil", nil, []string{"is nil", "remove it"}},
		{"a nil constructor", (func() wsgate.Middleware)(nil), []string{"is nil", "remove it"}},
		{"a service", &visits{}, []string{"is no middleware", "have *wsgate_test.visits", "want wsgate.Middleware, or its constructor: func(services...) wsgate.Middleware", "return s.Method"}},
		{"the constructor of a service", newVisits, []string{"is no middleware", "have func() *wsgate_test.visits", kit.At("func newVisits() *visits")}},
		{"a constructor with too many results", func() (wsgate.Middleware, int) { return nil, 0 }, []string{"is no middleware", "have func() (wsgate.Middleware, int)"}},
		{"a wrong signature", func(wsgate.Handler) error { return nil }, []string{"is no middleware"}},
		{"HTTP middleware", named(nil), []string{"is nil"}},
		{"HTTP middleware", named(func(h http.Handler) http.Handler { return h }), []string{"is no middleware", "list it in Options.HTTP"}},
		{"a constructor of HTTP middleware", visitingHTTP(""), []string{"is no middleware", "list it in Options.HTTP"}},
		{"a constructor that needs what nothing provides", visiting(""), []string{"needs *wsgate_test.visits, which nothing provides", "add a constructor that returns *wsgate_test.visits", "use_test.go:"}},
		{"a constructor that fails", failing, []string{errOfService.Error(), "use_test.go:"}},
		{"a constructor that panics", func() wsgate.Middleware { panic("no metrics") }, []string{"panicked: no metrics", "panic at use_test.go:"}},
		{"a constructor that returns nil", func() wsgate.Middleware { return nil }, []string{"returned a nil wsgate.Middleware and no error", "use_test.go:"}},
		{"a constructor of what panics", func() wsgate.Middleware { return func(wsgate.Handler) wsgate.Handler { panic("no next") } }, []string{"[1] panicked: no next"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := gatewayAt("/x", newFine)
			m.Gateways[0].Use = []any{pass, test.entry}
			text := kit.Refused(t, m, nil)
			kit.CheckText(t, text, test.want...)
			if kit.CountMistakes(text) != 1 {
				t.Errorf("got %d mistakes, want one:\n%s", kit.CountMistakes(text), text)
			}
			kit.CheckText(t, kit.Refused(t, gatewayAt("/x", newFine), &wsgate.Options{Use: []any{pass, test.entry}}), test.want...)
		})
	}
	text := kit.Refused(t, gatewayAt("/x", newFine), &wsgate.Options{HTTP: []any{pass, func() wsgate.Middleware { return pass }, 7}})
	kit.CheckText(t, text, "Options.HTTP[0] is no middleware", "Options.HTTP[1] is no middleware", "Options.HTTP[2] is no middleware",
		"list it in Use", "func(http.Handler) http.Handler, or its constructor")
}

// What every constructor of middleware needs and nothing provides is said before any has run, with all other mistakes.
func TestConstructorsOfUseRunWhenAllIsRight(t *testing.T) {
	ran := false
	run := func() wsgate.Middleware { ran = true; return nil }
	m := gatewayAt("/x", newFine)
	m.Gateways[0].Use = []any{run, visiting("x"), 7}
	text := kit.Refused(t, m, &wsgate.Options{Use: []any{visiting("app")}, HTTP: []any{visitingHTTP("http")}})
	if kit.CheckText(t, text, "Use[2] is no middleware"); kit.CountMistakes(text) != 3 {
		t.Errorf("got %d mistakes, want 3:\n%s", kit.CountMistakes(text), text)
	}
	if ran {
		t.Error("a constructor ran")
	}
}

// Options see what the whole App may use, and nothing private.
func TestUseOfTheAppAndPrivateServices(t *testing.T) {
	m := gatewayAt("/x", newFine)
	m.Name, m.Private = "mine", []any{newVisits}
	text := kit.Refused(t, m, &wsgate.Options{Use: []any{visiting("app")}})
	kit.CheckText(t, text, "needs *wsgate_test.visits, which is private to module mine")
	if !strings.HasSuffix(text, "fix: move wsgate_test.newVisits from Private to Provide") {
		t.Errorf("got other advice:\n%s", text)
	}
}

// What a constructor of middleware needs and cannot be constructed is said once.
func TestUseOfAServiceThatFails(t *testing.T) {
	m := gatewayAt("/x", newFine)
	m.Provide = []any{func() (*visits, error) { return nil, errOfService }}
	m.Gateways[0].Use = []any{visiting("x")}
	_, err := wsgate.New(m, nil)
	if text := kit.WellFormed(t, err); kit.CountMistakes(text) != 1 || !errors.Is(err, errOfService) {
		t.Errorf("got\n%s\nwant the failure of the service, once", text)
	}
}
