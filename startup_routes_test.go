package wsgate_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

func newOtherFine() *fine { return &fine{} }

func TestBadPaths(t *testing.T) {
	for _, path := range []string{
		"", "ws", "GET /ws", "/a b", "/a\tb", " /ws", "/ws/{", "/ws/{}", "/ws/{a b}", "/ws/{a}{b}", "/ws/x{a}", "/ws/{rest...}/x",
		"/ws/{a}/{a}", "/ws/{$}/x", "//ws", "/a/../b", "/a/./b", "host", "http://host/ws", "{host}/ws", "/ws?x=1", "/ws#x",
		"Chat.example.com/ws", "*.example.com/ws", "münchen.example/ws", "example.com:80/ws", "[::1]/ws", "a..b/ws", "127.1/ws",
	} {
		t.Run(path, func(t *testing.T) {
			text := kit.Refused(t, gatewayAt(path, newOtherFine), nil)
			kit.CheckText(t, text, "route ", kit.At("func newOtherFine("))
			if strings.Contains(text, "registered at") || strings.Contains(text, "parsing") {
				t.Errorf("the mux speaks:\n%s", text)
			}

			var r wsgate.Registry
			err := r.Register(path, newFine) // bad path
			kit.CheckText(t, kit.WellFormed(t, err), "route ", kit.At("bad path"))
		})
	}
	for _, path := range []string{"/", "/{$}", "/ws", "/ws/", "/{room}", "/ws/{room}/x", "/{rest...}", "example.com/ws", "127.0.0.1/ws", "my_service/ws", "/日本", "/a%20b"} {
		var r wsgate.Registry
		if err := r.Register(path, newFine); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestConflictingPaths(t *testing.T) {
	for _, test := range []struct{ first, second, why string }{
		{"/ws", "/ws", "registered twice"},
		{"/ws/{a}", "/ws/{b}", "conflicts with"},
		{"/ws/{a}/x", "/ws/x/{b}", "conflicts with"},
		{"/ws/{rest...}", "/ws/", "conflicts with"},
		{"/{a}/x", "/x/{rest...}", "conflicts with"},
		{"example.com/", "/{a}", ""},
		{"/ws/{a}", "/ws/x", ""},
		{"/", "/ws", ""},
		{"/{a}", "/{rest...}", ""},
	} {
		t.Run(test.first+" "+test.second, func(t *testing.T) {
			var r wsgate.Registry
			if err := r.Register(test.first, newFine); err != nil { // first of two
				t.Fatal(err)
			}
			err := r.Register(test.second, newFine) // second of two
			if test.why == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			kit.CheckText(t, kit.WellFormed(t, err), test.why, `"`+test.first+`"`, `"`+test.second+`"`, kit.At("first of two"), kit.At("second of two"), "fix:")

			m := &wsgate.Module{Gateways: []wsgate.Route{{Path: test.first, New: newFine}, {Path: test.second, New: newOtherFine}}}
			text := kit.Refused(t, m, nil)
			kit.CheckText(t, text, test.why, `"`+test.first+`"`, `"`+test.second+`"`, "startup_helper_test.go:", kit.At("func newOtherFine("), "fix:")

			// A Registry knows where, also when its routes have become a Module's.
			m = &wsgate.Module{Gateways: append(r.Routes(), wsgate.Route{Path: test.second, New: newOtherFine})}
			kit.CheckText(t, kit.Refused(t, m, nil), kit.At("first of two"), kit.At("func newOtherFine("))
		})
	}
}

// Two modules that serve the same path with the same constructor have no two places in the code.
func TestConflictOfModules(t *testing.T) {
	a := &wsgate.Module{Name: "first", Gateways: []wsgate.Route{{Path: "/ws", New: newFine}}}
	b := &wsgate.Module{Name: "second", Gateways: []wsgate.Route{{Path: "/ws", New: newFine}}}
	kit.CheckText(t, kit.Refused(t, &wsgate.Module{Imports: []*wsgate.Module{a, b}}, nil), `"/ws"`, "module first", "module second")
}

// A route of a host that the server refuses to have would never be reached.
func TestPathsOfOtherHosts(t *testing.T) {
	opts := &wsgate.Options{Hosts: []string{"chat.example.com", "*.example.org"}}
	text := kit.Refused(t, gatewayAt("chat.example.org.evil/ws", newOtherFine), opts)
	kit.CheckText(t, text, `route "chat.example.org.evil/ws"`, "Options.Hosts", "fix:", kit.At("func newOtherFine("))
	for _, path := range []string{"chat.example.com/ws", "a.example.org/ws", "127.0.0.1/ws", "/ws"} {
		app := kit.NewAppOf(t, opts, gatewayAt(path, newFine))
		if err := app.Handle("GET chat.example.com/page", http.NotFoundHandler()); err != nil {
			t.Error(err)
		}
		err := app.Handle("GET other.example/page", http.NotFoundHandler()) // other host
		kit.CheckText(t, kit.WellFormed(t, err), `"GET other.example/page"`, "Options.Hosts", "fix:", kit.At("other host"))
	}
}

func TestLimitsOfNobody(t *testing.T) {
	text := kit.Refused(t, gatewayAt("/", newFine), &wsgate.Options{CloseOldest: true})
	kit.CheckText(t, text, "Options.CloseOldest", "UserConnections", "fix:")
	text = kit.Refused(t, gatewayAt("/", newFine), &wsgate.Options{Limits: wsgate.Limits{UserConnections: 1}})
	kit.CheckText(t, text, "Options.Limits.UserConnections", "UserID() string", "fix:")
	if n := kit.CountMistakes(text); n != 1 {
		t.Errorf("%d mistakes, want 1:\n%s", n, text)
	}
	kit.NewAppOf(t, &wsgate.Options{Limits: wsgate.Limits{UserConnections: 1}, CloseOldest: true}, &wsgate.Module{Gateways: []wsgate.Route{
		{Path: "/", New: newFine}, {Path: "/users", New: func() *byName { return &byName{} }},
	}})
	kit.NewAppOf(t, &wsgate.Options{Limits: wsgate.Limits{UserConnections: 1}}, &wsgate.Module{}) // no gateways yet
}

func TestNegativeLimits(t *testing.T) {
	for i := range reflect.TypeFor[wsgate.Limits]().NumField() {
		field := reflect.TypeFor[wsgate.Limits]().Field(i)
		var l wsgate.Limits
		reflect.ValueOf(&l).Elem().Field(i).SetInt(-1)
		have := "have -1"
		if field.Type == reflect.TypeFor[time.Duration]() {
			have = "have -1ns"
		}
		text := kit.Refused(t, gatewayAt("/", newFine), &wsgate.Options{Limits: l})
		kit.CheckText(t, text, "Options", "Limits."+field.Name, "negative", have, "want")
		if n := kit.CountMistakes(text); n != 1 {
			t.Errorf("%d mistakes, want 1:\n%s", n, text)
		}

		m := gatewayAt("/some/{path}", newFine)
		m.Gateways[0].Limits = &l
		kit.CheckText(t, kit.Refused(t, m, nil), `"/some/{path}"`, "Limits."+field.Name, "negative", have, "want")
	}
}

func TestLimitsThatAreTheApps(t *testing.T) {
	for name, l := range map[string]wsgate.Limits{
		"Connections": {Connections: 1}, "UserConnections": {UserConnections: 1}, "TotalQueueBytes": {TotalQueueBytes: 1}, "Request": {Request: time.Second}, "Drain": {Drain: time.Second}, "DrainPace": {DrainPace: 1},
	} {
		m := gatewayAt("/some/{path}", newFine)
		m.Gateways[0].Limits = &l
		kit.CheckText(t, kit.Refused(t, m, nil), `"/some/{path}"`, "Limits."+name+" is the App's", "fix:", "Options.Limits")
		kit.NewAppOf(t, &wsgate.Options{Limits: l}, gatewayAt("/", func() *byName { return &byName{} }))
	}
}

func TestModulesThatCannotBe(t *testing.T) {
	kit.CheckText(t, kit.Refused(t, nil, nil), "nil", "want a *Module")

	m := &wsgate.Module{Name: "chat", Imports: []*wsgate.Module{{}, nil}}
	kit.CheckText(t, kit.Refused(t, m, nil), "module chat imports nil", "fix:")
	m = &wsgate.Module{Imports: []*wsgate.Module{nil}, Provide: []any{newCache}}
	kit.CheckText(t, kit.Refused(t, m, nil), "imports nil", "fix:")

	a, b, c := &wsgate.Module{Name: "a"}, &wsgate.Module{Name: "b"}, &wsgate.Module{Name: "c", Provide: []any{mustNotRun[disk](t)}}
	a.Imports, b.Imports, c.Imports = []*wsgate.Module{b}, []*wsgate.Module{c}, []*wsgate.Module{b}
	text := kit.Refused(t, a, nil)
	kit.CheckText(t, text, "circle", "module b imports module c imports module b", "fix:")
	if n := kit.CountMistakes(text); n != 1 {
		t.Errorf("%d mistakes, want 1:\n%s", n, text)
	}
	self := &wsgate.Module{Name: "self"}
	self.Imports = []*wsgate.Module{self}
	kit.CheckText(t, kit.Refused(t, self, nil), "module self imports module self")

	if app, err := wsgate.New(&wsgate.Module{}, nil); err != nil {
		t.Errorf("an empty module: %v", err)
	} else {
		app.Shutdown(t.Context())
	}
}

func TestBadMiddleware(t *testing.T) {
	pass := func(next wsgate.Handler) wsgate.Handler { return next }
	panicking := func(wsgate.Handler) wsgate.Handler { panic("no middleware today") }
	empty := func(wsgate.Handler) wsgate.Handler { return nil }
	for _, test := range []struct {
		name string
		bad  wsgate.Middleware
		want string
	}{
		{"nil", nil, "nil"},
		{"panics", panicking, "no middleware today"},
		{"returns nil", empty, "nil"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := kit.Refused(t, gatewayAt("/", newFine), &wsgate.Options{Use: []any{pass, test.bad}})
			kit.CheckText(t, text, "Options.Use", test.want)
			m := gatewayAt("/some/{path}", newFine)
			m.Gateways[0].Use = []any{pass, test.bad}
			kit.CheckText(t, kit.Refused(t, m, nil), "Use", `"/some/{path}"`, test.want)
		})
	}
}

func TestBadHTTPMiddleware(t *testing.T) {
	for _, test := range []struct {
		name string
		bad  func(http.Handler) http.Handler
		want string
	}{
		{"nil", nil, "nil"},
		{"panics", func(http.Handler) http.Handler { panic("no middleware today") }, "no middleware today"},
		{"returns nil", func(http.Handler) http.Handler { return nil }, "nil"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := kit.Refused(t, gatewayAt("/", newFine), &wsgate.Options{HTTP: []any{test.bad}})
			kit.CheckText(t, text, "Options.HTTP", test.want)
		})
	}
}

func TestBadSubprotocols(t *testing.T) {
	for _, bad := range []string{"", "v1,v2", "a b", "ä", "v1\n"} {
		t.Run(bad, func(t *testing.T) {
			m := gatewayAt("/some/{path}", newFine)
			m.Gateways[0].Subprotocols = []string{"v1.chat", bad}
			kit.CheckText(t, kit.Refused(t, m, nil), `"/some/{path}"`, "Subprotocols", "want")
		})
	}
	m := gatewayAt("/some/{path}", newFine)
	m.Gateways[0].Subprotocols = []string{"v2", "v1", "v2"}
	kit.CheckText(t, kit.Refused(t, m, nil), `"/some/{path}"`, `Subprotocols has "v2" twice`, "fix:")
}
