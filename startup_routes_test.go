package wsgate_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

func newOtherFine() *fine { return &fine{} }

func TestBadPaths(t *testing.T) {
	for _, path := range []string{
		"", "ws", "GET /ws", "/a b", "/a\tb", " /ws", "/ws/{", "/ws/{}", "/ws/{a b}", "/ws/{a}{b}", "/ws/x{a}", "/ws/{rest...}/x",
		"/ws/{a}/{a}", "/ws/{$}/x", "//ws", "/a/../b", "/a/./b", "host", "http://host/ws", "{host}/ws", "/ws?x=1", "/ws#x",
		"Chat.example.com/ws", "*.example.com/ws", "münchen.example/ws", "example.com:80/ws", "[::1]/ws", "a..b/ws", "127.1/ws",
	} {
		t.Run(path, func(t *testing.T) {
			text := refused(t, gatewayAt(path, newOtherFine), nil)
			checkText(t, text, "route ", at("func newOtherFine("))
			if strings.Contains(text, "registered at") || strings.Contains(text, "parsing") {
				t.Errorf("the mux speaks:\n%s", text)
			}

			var r wsgate.Registry
			err := r.Register(path, newFine) // bad path
			checkText(t, wellFormed(t, err), "route ", at("bad path"))
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
			checkText(t, wellFormed(t, err), test.why, `"`+test.first+`"`, `"`+test.second+`"`, at("first of two"), at("second of two"), "fix:")

			m := &wsgate.Module{Gateways: []wsgate.Route{{Path: test.first, New: newFine}, {Path: test.second, New: newOtherFine}}}
			text := refused(t, m, nil)
			checkText(t, text, test.why, `"`+test.first+`"`, `"`+test.second+`"`, "startup_helper_test.go:", at("func newOtherFine("), "fix:")

			// A Registry knows where, also when its routes have become a Module's.
			m = &wsgate.Module{Gateways: append(r.Routes(), wsgate.Route{Path: test.second, New: newOtherFine})}
			checkText(t, refused(t, m, nil), at("first of two"), at("func newOtherFine("))
		})
	}
}

// Two modules that serve the same path with the same constructor have no two places in the code.
func TestConflictOfModules(t *testing.T) {
	a := &wsgate.Module{Name: "first", Gateways: []wsgate.Route{{Path: "/ws", New: newFine}}}
	b := &wsgate.Module{Name: "second", Gateways: []wsgate.Route{{Path: "/ws", New: newFine}}}
	checkText(t, refused(t, &wsgate.Module{Imports: []*wsgate.Module{a, b}}, nil), `"/ws"`, "module first", "module second")
}

// A route of a host that the server refuses to have would never be reached.
func TestPathsOfOtherHosts(t *testing.T) {
	opts := &wsgate.Options{Hosts: []string{"chat.example.com", "*.example.org"}}
	text := refused(t, gatewayAt("chat.example.org.evil/ws", newOtherFine), opts)
	checkText(t, text, `route "chat.example.org.evil/ws"`, "Options.Hosts", "fix:", at("func newOtherFine("))
	for _, path := range []string{"chat.example.com/ws", "a.example.org/ws", "127.0.0.1/ws", "/ws"} {
		app := newAppOf(t, opts, gatewayAt(path, newFine))
		if err := app.Handle("GET chat.example.com/page", http.NotFoundHandler()); err != nil {
			t.Error(err)
		}
		err := app.Handle("GET other.example/page", http.NotFoundHandler()) // other host
		checkText(t, wellFormed(t, err), `"GET other.example/page"`, "Options.Hosts", "fix:", at("other host"))
	}
}

func TestLimitsOfNobody(t *testing.T) {
	text := refused(t, gatewayAt("/", newFine), &wsgate.Options{CloseOldest: true})
	checkText(t, text, "Options.CloseOldest", "UserConnections", "fix:")
	text = refused(t, gatewayAt("/", newFine), &wsgate.Options{Limits: wsgate.Limits{UserConnections: 1}})
	checkText(t, text, "Options.Limits.UserConnections", "UserID() string", "fix:")
	if n := count(text); n != 1 {
		t.Errorf("%d mistakes, want 1:\n%s", n, text)
	}
	newAppOf(t, &wsgate.Options{Limits: wsgate.Limits{UserConnections: 1}, CloseOldest: true}, &wsgate.Module{Gateways: []wsgate.Route{
		{Path: "/", New: newFine}, {Path: "/users", New: func() *byName { return &byName{} }},
	}})
	newAppOf(t, &wsgate.Options{Limits: wsgate.Limits{UserConnections: 1}}, &wsgate.Module{}) // no gateways yet
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
		text := refused(t, gatewayAt("/", newFine), &wsgate.Options{Limits: l})
		checkText(t, text, "Options", "Limits."+field.Name, "negative", have, "want")
		if n := count(text); n != 1 {
			t.Errorf("%d mistakes, want 1:\n%s", n, text)
		}

		m := gatewayAt("/some/{path}", newFine)
		m.Gateways[0].Limits = &l
		checkText(t, refused(t, m, nil), `"/some/{path}"`, "Limits."+field.Name, "negative", have, "want")
	}
}

func TestLimitsThatAreTheApps(t *testing.T) {
	for name, l := range map[string]wsgate.Limits{
		"Connections": {Connections: 1}, "UserConnections": {UserConnections: 1}, "TotalQueueBytes": {TotalQueueBytes: 1}, "Request": {Request: time.Second}, "Drain": {Drain: time.Second},
	} {
		m := gatewayAt("/some/{path}", newFine)
		m.Gateways[0].Limits = &l
		checkText(t, refused(t, m, nil), `"/some/{path}"`, "Limits."+name+" is the App's", "fix:", "Options.Limits")
		newAppOf(t, &wsgate.Options{Limits: l}, gatewayAt("/", func() *byName { return &byName{} }))
	}
}

func TestModulesThatCannotBe(t *testing.T) {
	checkText(t, refused(t, nil, nil), "nil", "want a *Module")

	m := &wsgate.Module{Name: "chat", Imports: []*wsgate.Module{{}, nil}}
	checkText(t, refused(t, m, nil), "module chat imports nil", "fix:")
	m = &wsgate.Module{Imports: []*wsgate.Module{nil}, Provide: []any{newCache}}
	checkText(t, refused(t, m, nil), "imports nil", "fix:")

	a, b, c := &wsgate.Module{Name: "a"}, &wsgate.Module{Name: "b"}, &wsgate.Module{Name: "c", Provide: []any{mustNotRun[disk](t)}}
	a.Imports, b.Imports, c.Imports = []*wsgate.Module{b}, []*wsgate.Module{c}, []*wsgate.Module{b}
	text := refused(t, a, nil)
	checkText(t, text, "circle", "module b imports module c imports module b", "fix:")
	if n := count(text); n != 1 {
		t.Errorf("%d mistakes, want 1:\n%s", n, text)
	}
	self := &wsgate.Module{Name: "self"}
	self.Imports = []*wsgate.Module{self}
	checkText(t, refused(t, self, nil), "module self imports module self")

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
			text := refused(t, gatewayAt("/", newFine), &wsgate.Options{Use: []any{pass, test.bad}})
			checkText(t, text, "Options.Use", test.want)
			m := gatewayAt("/some/{path}", newFine)
			m.Gateways[0].Use = []any{pass, test.bad}
			checkText(t, refused(t, m, nil), "Use", `"/some/{path}"`, test.want)
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
			text := refused(t, gatewayAt("/", newFine), &wsgate.Options{HTTP: []any{test.bad}})
			checkText(t, text, "Options.HTTP", test.want)
		})
	}
}

func TestBadSubprotocols(t *testing.T) {
	for _, bad := range []string{"", "v1,v2", "a b", "ä", "v1\n"} {
		t.Run(bad, func(t *testing.T) {
			m := gatewayAt("/some/{path}", newFine)
			m.Gateways[0].Subprotocols = []string{"v1.chat", bad}
			checkText(t, refused(t, m, nil), `"/some/{path}"`, "Subprotocols", "want")
		})
	}
	m := gatewayAt("/some/{path}", newFine)
	m.Gateways[0].Subprotocols = []string{"v2", "v1", "v2"}
	checkText(t, refused(t, m, nil), `"/some/{path}"`, `Subprotocols has "v2" twice`, "fix:")
}
