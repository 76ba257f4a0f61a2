package abuse

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

// Row 78: a configuration that makes no sense is an error of New that names the field.
func badConfigurations(t *testing.T) {
	module := func(change func(rt *wsgate.Route)) *wsgate.Module {
		rt := wsgate.Route{Path: "/ws", New: func() *gateway { return &gateway{entrance{book: newBook()}} }}
		if change != nil {
			change(&rt)
		}
		return &wsgate.Module{Gateways: []wsgate.Route{rt}}
	}
	speaking := func(events ...wsgate.Binding[guest]) *wsgate.Module {
		return module(func(rt *wsgate.Route) {
			rt.New = func() *eventful { return &eventful{entrance{book: newBook()}, events} }
		})
	}
	refused := func(name string, root *wsgate.Module, opts *wsgate.Options, want ...string) {
		t.Helper()
		app, err := wsgate.New(root, opts)
		if err == nil {
			app.Shutdown(t.Context())
			t.Errorf("%s: New returned no error", name)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: the error lacks %q: %v", name, w, err)
			}
		}
	}

	limits := reflect.TypeFor[wsgate.Limits]()
	for i := range limits.NumField() {
		for _, v := range []int64{-1, -1 << 62} {
			var bad wsgate.Limits
			reflect.ValueOf(&bad).Elem().Field(i).SetInt(v)
			field := "Limits." + limits.Field(i).Name
			refused(field, module(nil), &wsgate.Options{Limits: bad}, "Options", field, "negative")
			refused(field, module(func(rt *wsgate.Route) { rt.Limits = &bad }), nil, `"/ws"`, field, "negative")
		}
	}
	for name, l := range map[string]wsgate.Limits{
		"Connections": {Connections: 1}, "UserConnections": {UserConnections: 1}, "Drain": {Drain: time.Second}, "DrainPace": {DrainPace: 1},
	} {
		refused(name+" of a route", module(func(rt *wsgate.Route) { rt.Limits = &l }), nil, `"/ws"`, "Limits."+name)
	}

	for _, origin := range []string{"[", "a\\", "https://[", "", "https://a/path", "a b"} {
		refused("origin "+origin, module(nil), &wsgate.Options{Origins: []string{"fine.example", origin}}, "Options.Origins")
	}
	for _, host := range []string{"", "*", "https://a", "a:80", "a/b", "a b", "127.0.0.1"} {
		refused("host "+host, module(nil), &wsgate.Options{Hosts: []string{"fine.example", host}}, "Options.Hosts")
	}
	for _, name := range []string{"", "a b", "a,b", "a\r\nb", "ä"} {
		refused("subprotocol "+name, module(func(rt *wsgate.Route) { rt.Subprotocols = []string{"v1", name} }), nil, `"/ws"`, "Subprotocols")
	}
	for name, e := range map[string]wsgate.Envelope{
		"type is id": {Type: "id"}, "data is type": {Data: "type"}, "type is code": {Type: "code"}, "not UTF-8": {ID: "\xff"},
	} {
		refused("envelope: "+name, module(nil), &wsgate.Options{Envelope: e}, "Options", "Envelope")
		refused("envelope: "+name, module(func(rt *wsgate.Route) { rt.Envelope = e }), nil, `"/ws"`, "Envelope")
	}
	for _, path := range []string{"", "ws", "/ws/{", "/{a}/{a}", "/ws/{$}x"} {
		refused("path "+path, module(func(rt *wsgate.Route) { rt.Path = path }), nil, "route")
	}
	twice := module(nil)
	twice.Gateways = append(twice.Gateways, twice.Gateways[0])
	refused("path twice", twice, nil, `"/ws"`, "twice")

	for name, constructor := range map[string]any{
		"nil": nil, "no function": 5, "nothing returned": func() {}, "no gateway": func() *int { return nil },
		"nil function": (func() *gateway)(nil), "unknown service": func(chan int) *gateway { return nil },
	} {
		refused("constructor: "+name, module(func(rt *wsgate.Route) { rt.New = constructor }), nil)
	}
	refused("no module", nil, nil, "New without a module")
	refused("constructor that returns nil", module(func(rt *wsgate.Route) { rt.New = func() *gateway { return nil } }), nil)
	refused("constructor that panics", module(func(rt *wsgate.Route) { rt.New = func() *gateway { panic("oh no") } }), nil, "oh no")
	refused("middleware nil", module(nil), &wsgate.Options{Use: []any{nil}}, "nil")

	say := show[string]("say")
	refused("event twice", speaking(say, say), nil, `"say"`, "twice")
	refused("event without a handler", speaking(wsgate.On[guest, string]("say", nil)), nil, `"say"`, "no handler")
	refused("call without a handler", speaking(wsgate.Answer[guest, string, int]("say", nil)), nil, `"say"`, "no handler")
	refused("zero binding", speaking(wsgate.Binding[guest]{}), nil)
	for _, name := range []string{"", "error", "$x", "a\nb", "\xff", strings.Repeat("x", 65)} {
		refused("event "+name, speaking(show[string](name)), nil, "eventful")
	}
	for name, event := range map[string]wsgate.Binding[guest]{
		"channel": show[chan int]("say"), "function": show[func()]("say"), "complex": show[struct{ C complex64 }]("say"), "hidden": show[struct{ c int }]("say"),
	} {
		refused("payload: "+name, speaking(event), nil, `"say"`, "JSON")
	}
	refused("everything at once", module(func(rt *wsgate.Route) { rt.Subprotocols = []string{""}; rt.Limits = &wsgate.Limits{Ping: -1} }),
		&wsgate.Options{Origins: []string{"["}, Limits: wsgate.Limits{Pong: -1}}, "Subprotocols", "Limits.Ping", "Limits.Pong", "Options.Origins")
}
