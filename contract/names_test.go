package contract_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/contract"
	"github.com/wsgate/wsgate/internal/test/kit"
)

type (
	Größe struct{ A int32 }
	lower struct{ A int32 }
	Lower struct{ B int32 }
	Ws    struct{ A int32 } // the name of a route
	Map   struct{ A Page[map[string]int8] }
)

// local returns types that have one name in one package.
func local() (one, two reflect.Type) {
	type Twin struct{ A int32 }
	one = reflect.TypeFor[Twin]()
	func() {
		type Twin struct{ B int32 }
		two = reflect.TypeFor[Twin]()
	}()
	return one, two
}

// Each type has a name of its own, which does not depend on the order of the events.
func TestNamesOfTypes(t *testing.T) {
	one, two := local()
	for _, tt := range []struct {
		name  string
		types []reflect.Type
		want  []string
	}{
		{"generic", []reflect.Type{reflect.TypeFor[Page[Inner]]()}, []string{"Inner", "PageInner"}},
		{"generic of generic", []reflect.Type{reflect.TypeFor[Page[Page[Inner]]]()}, []string{"Inner", "PageInner", "PagePageInner"}},
		{"generic of a list", []reflect.Type{reflect.TypeFor[Page[[]Inner]](), reflect.TypeFor[Page[Inner]]()}, []string{"Inner", "PageInner", "PageListInner"}},
		{"generic of a map", []reflect.Type{reflect.TypeFor[Map]()}, []string{"Map", "PageMapStringInt8"}},
		{"two packages", []reflect.Type{reflect.TypeFor[Line](), reflect.TypeFor[contract.Line]()}, []string{"ContractLine", "Contract_testLine"}},
		{
			"generic of two packages",
			[]reflect.Type{reflect.TypeFor[Page[Line]](), reflect.TypeFor[Page[contract.Line]]()},
			[]string{"ContractLine", "Contract_testLine", "Contract_testPageContractLine", "Contract_testPageContract_testLine"},
		},
		{"letters of other scripts", []reflect.Type{reflect.TypeFor[Größe]()}, []string{"Grf6dfe"}},
		{"small and capital", []reflect.Type{reflect.TypeFor[lower](), reflect.TypeFor[Lower]()}, []string{"Contract_testLower", "Contract_testLower2"}},
		{"in functions", []reflect.Type{one, two}, []string{"Contract_testTwin", "Contract_testTwin2"}},
		{"a route's", []reflect.Type{reflect.TypeFor[Ws]()}, []string{"Contract_testWs"}},
		{"a name of TypeScript", []reflect.Type{reflect.TypeFor[Omit]()}, []string{"Contract_testOmit"}},
		{"two directions", []reflect.Type{reflect.TypeFor[Both](), reflect.TypeFor[[]Both]()}, []string{"Both", "BothInput", "OnlyIn", "OnlyOut"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 {
				i := info{emits: map[string]reflect.Type{}, sends: map[string]reflect.Type{}}
				for n, typ := range tt.types {
					i.emits[string(rune('a'+n))], i.sends[string(rune('a'+n))] = typ, typ
				}
				var d struct {
					Components struct{ Schemas map[string]any }
				}
				if err := json.Unmarshal(document(t, i).JSON(), &d); err != nil {
					t.Fatal(err)
				}
				if got := sorted(d.Components.Schemas); !slices.Equal(got, tt.want) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if tt.name != "small and capital" && tt.name != "in functions" {
					slices.Reverse(tt.types)
				}
			}
		})
	}
}

// The names of routes, and what a path becomes.
func TestNamesOfRoutes(t *testing.T) {
	for _, tt := range []struct{ path, key, address string }{
		{"/", "Root", "/"},
		{"/{$}", "Root", "/"},
		{"/ws/chat/{room}", "WsChatRoom", "/ws/chat/{room}"},
		{"/files/{rest...}", "FilesRest", "/files/{rest}"},
		{"example.com/ws", "ExampleComWs", "/ws"},
		{"/räume/{größe}", "Re4umeGrf6dfe", "/räume/{gr_f6_dfe}"},
		{"/9", "N9", "/9"},
	} {
		var d struct {
			Channels map[string]struct{ Address string }
		}
		if err := json.Unmarshal(document(t, info{path: tt.path}).JSON(), &d); err != nil {
			t.Fatal(err)
		}
		if c, ok := d.Channels[tt.key]; !ok || c.Address != tt.address {
			t.Errorf("%s: got %+v, want %q with %q", tt.path, d.Channels, tt.key, tt.address)
		}
	}
	d := document(t, info{path: "/a/b"}, info{path: "/a-b"}, info{path: "/a_b"})
	if changes := contract.Diff(d, document(t, info{path: "/a_b"}, info{path: "/a-b"}, info{path: "/a/b"})); len(changes) > 0 {
		t.Errorf("the order of routes matters: %v", changes)
	}
}

// What an App says of itself is what the document says.
func TestDocumentOfApp(t *testing.T) {
	d, err := contract.New(app(t, one))
	if err != nil {
		t.Fatal(err)
	}
	var have struct {
		Info     struct{ Title, Version string }
		Channels map[string]struct {
			Gate struct {
				Path     string
				Envelope struct{ Type, ID, Data string }
				Limits   map[string]int
				SendsAny bool
			} `json:"x-wsgate"`
		}
	}
	if err := json.Unmarshal(d.JSON(), &have); err != nil {
		t.Fatal(err)
	}
	gate := have.Channels["Ws"].Gate
	if have.Info.Title != "WebSocket API" || have.Info.Version != "0.0.0" || gate.Path != "/ws" || gate.Envelope.Type != "type" ||
		gate.SendsAny || gate.Limits["message"] != 64<<10 || gate.Limits["messageTime"] != 30_000 {
		t.Errorf("got %+v", have)
	}
}

type member struct{ name string }

func (m member) UserID() string { return m.name }

// hall tracks who is there.
type hall struct{}

func (*hall) Events() wsgate.Events[member] {
	const people wsgate.Event[wsgate.Presence[Inner]] = "people"
	return wsgate.Events[member]{wsgate.Track(people, func(*wsgate.Conn[member], string) (Inner, bool) { return Inner{}, true })}
}

// The event of presence is in the contract, whether the route's Sends lists it or not.
func TestPresenceIsSent(t *testing.T) {
	route := kit.RouteTo("/hall", &hall{})
	for _, sends := range [][]wsgate.Outgoing{nil, {}, {wsgate.Event[wsgate.Presence[Inner]]("people")}} {
		route.Sends = sends
		app := kit.NewApp(t, nil, route)
		if info := app.Routes()[0]; info.Presence != "people" || info.PresenceType != reflect.TypeFor[wsgate.Presence[Inner]]() {
			t.Errorf("got %q of %v", info.Presence, info.PresenceType)
		}
		d, err := contract.New(app.App)
		if err != nil {
			t.Fatal(err)
		}
		module, _ := d.TypeScript()
		want := "  on: {\n    people: PresenceInner;\n  };\n"
		if sends == nil {
			want = "  on: {\n    people: PresenceInner;\n    [event: string]: unknown;\n  };\n"
		}
		if !strings.Contains(string(module), want) {
			t.Errorf("no %q in\n%s", want, module)
		}
	}
}
