package contract_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/contract"
)

type (
	small   string
	bigger  string
	smaller string
)

func (small) Enum() []any   { return []any{"a", "b"} }
func (bigger) Enum() []any  { return []any{"a", "b", "c"} }
func (smaller) Enum() []any { return []any{"a"} }

// diff returns the changes as text.
func diff(t *testing.T, old, now []info) (all []string) {
	t.Helper()
	for _, c := range contract.Diff(document(t, old...), document(t, now...)) {
		word := "harmless: "
		if c.Breaking {
			word = "breaks: "
		}
		all = append(all, word+c.String())
	}
	return all
}

// struct types of one field x.
func structOf[T any](tag string) reflect.Type {
	return reflect.StructOf([]reflect.StructField{{Name: "X", Type: reflect.TypeFor[T](), Tag: reflect.StructTag(`json:"x` + tag + `"`)}})
}

// What changes of a payload break, in each direction: "in" of what clients send, "out" of what the server sends.
func TestDiffOfPayloads(t *testing.T) {
	const breaks, harmless, nothing = "breaks", "harmless", ""
	for _, tt := range []struct {
		name     string
		old, now reflect.Type
		in, out  string
		text     string // part of what is said of in
	}{
		{"the same", structOf[int32](""), structOf[int32](""), nothing, nothing, ""},
		{"another name of the same type", reflect.TypeFor[Inner](), reflect.TypeFor[struct {
			A int32
			B string `json:"b"`
		}](), nothing, nothing, ""},
		{"a type that contains itself", reflect.TypeFor[Node](), reflect.TypeFor[Node](), nothing, nothing, ""},

		{"another type", structOf[int32](""), structOf[string](""), breaks, breaks, "x was integer, is string"},
		{"a whole number becomes any", structOf[int64](""), structOf[float64](""), nothing, breaks, ""},
		{"any number becomes a whole one", structOf[float64](""), structOf[int64](""), breaks, nothing, "x was number, is integer"},
		{"a larger range", structOf[int8](""), structOf[int16](""), harmless, breaks, "x was an integer from -128 to 127, is an integer from -32768 to 32767"},
		{"a smaller range", structOf[int64](""), structOf[int32](""), breaks, harmless, "x was an integer from -9223372036854775808"},
		{"no negative numbers", structOf[int64](""), structOf[uint64](""), breaks, harmless, "to 9223372036854775807"},
		{"a time becomes any text", structOf[time.Time](""), structOf[string](""), harmless, breaks, "x was a text of format date-time, is any text"},
		{"a text becomes a time", structOf[string](""), structOf[time.Time](""), breaks, harmless, "x was any text"},
		{"base64", structOf[string](""), structOf[[]byte](",omitempty"), breaks, breaks, "base64"},
		{"anything", structOf[string](""), structOf[any](""), harmless, breaks, "x may be anything now, was string"},
		{"not anything", structOf[any](""), structOf[string](""), breaks, harmless, "x could be anything, is string now"},
		{"null", structOf[string](""), structOf[*string](""), harmless, breaks, "x may be null now"},
		{"not null", structOf[*string](""), structOf[string](""), harmless, harmless, "x is never null now"},

		{"more values", structOf[small](""), structOf[bigger](""), harmless, breaks, `x can be "c" now`},
		{"fewer values", structOf[small](""), structOf[smaller](""), breaks, harmless, `x cannot be "b" any more`},
		{"a list of values", structOf[string](""), structOf[small](""), breaks, harmless, "x has to be one of a list now"},
		{"no list of values", structOf[small](""), structOf[string](""), harmless, breaks, "x may be another than those of a list now"},

		{"a new field", reflect.TypeFor[struct{ A int32 }](), reflect.TypeFor[Inner](), breaks, harmless, "field b is new and required; with omitempty clients may leave it out"},
		{"a new field that may be left out", reflect.TypeFor[struct {
			A int32 `json:"A"`
		}](), reflect.TypeFor[Other](), harmless, harmless, "field c is new"},
		{"a field is gone", reflect.TypeFor[Inner](), reflect.TypeFor[struct{ A int32 }](), harmless, breaks, "field b is ignored now"},
		{"a field that may be left out is gone", reflect.TypeFor[Other](), reflect.TypeFor[struct{ A int32 }](), harmless, harmless, "field c is ignored now"},
		{"a field is required", structOf[int32](",omitempty"), structOf[int32](""), breaks, harmless, "field x is required now"},
		{"a field may be left out", structOf[int32](""), structOf[int32](",omitempty"), harmless, breaks, "field x may be left out now"},
		{"a quoted number", structOf[int32](""), structOf[int32](",string"), breaks, breaks, "x was integer, is string"},

		{"in a list", reflect.TypeFor[[]struct{ A int32 }](), reflect.TypeFor[[]Inner](), breaks, harmless, "field [].b is new"},
		{"in a map in a list", reflect.TypeFor[[]map[string]int32](), reflect.TypeFor[[]map[string]bool](), breaks, breaks, "[].* was integer, is boolean"},
		{"a list of another length", structOf[[2]int32](""), structOf[[3]int32](""), breaks, breaks, "x had 2 to 2 elements, has 3 to 3"},
		{"a map instead of a struct", structOf[Inner](""), structOf[map[string]any](",omitempty"), breaks, breaks, "x has any keys now, had fields"},
		{"a list instead of one", reflect.TypeFor[Line](), reflect.TypeFor[Lines](), breaks, breaks, "its payload was object, is array"},

		{"a longer text", tagged(`maxLength:"5"`), tagged(`maxLength:"9"`), harmless, breaks, "x: maxLength was 5, is 9"},
		{"a shorter text", tagged(""), tagged(`maxLength:"9"`), breaks, harmless, "x: maxLength was not there, is 9"},
		{"another pattern", tagged(`pattern:"a"`), tagged(`pattern:"b"`), breaks, breaks, `x: pattern was "a", is "b"`},

		{"a payload", reflect.TypeFor[struct{}](), reflect.TypeFor[string](), breaks, harmless, "has to have a payload now, which clients do not send"},
		{"a payload that may be left out", reflect.TypeFor[struct{}](), structOf[int32](",omitempty"), harmless, harmless, "may have a payload now"},
		{"no payload", reflect.TypeFor[string](), reflect.TypeFor[struct{}](), harmless, breaks, "its payload is ignored now"},
		{"a payload that may be null", reflect.TypeFor[Inner](), reflect.TypeFor[*Inner](), harmless, breaks, "its payload may be null now"},
		{"a payload that may not be null", reflect.TypeFor[*int32](), reflect.TypeFor[int32](), breaks, harmless, "its payload may not be null any more"},
		{"a field moves the payload", reflect.TypeFor[struct {
			Title string `json:"title"`
		}](), reflect.TypeFor[hidden](), breaks, breaks, `its payload stands under "data" now, stood beside "type"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			route := func(typ reflect.Type) (emits, sends, answers info) {
				one := map[string]reflect.Type{"e": typ}
				none := map[string]reflect.Type{}
				return info{emits: one, sends: none}, info{sends: one}, info{sends: none, calls: map[string][2]reflect.Type{"e": {reflect.TypeFor[int32](), typ}}}
			}
			oldIn, oldOut, oldAnswer := route(tt.old)
			nowIn, nowOut, nowAnswer := route(tt.now)
			for _, side := range []struct {
				name, want string
				old, now   info
			}{{"in", tt.in, oldIn, nowIn}, {"out", tt.out, oldOut, nowOut}, {"answer", tt.out, oldAnswer, nowAnswer}} {
				changes := diff(t, []info{side.old}, []info{side.now})
				worst := ""
				if len(changes) > 0 {
					worst, _, _ = strings.Cut(changes[0], ":")
				}
				if worst != side.want {
					t.Errorf("%s: got %q, want %q", side.name, changes, side.want)
				}
				if side.name == "in" && !strings.Contains(strings.Join(changes, "\n"), tt.text) {
					t.Errorf("%s: got %q, want %q", side.name, changes, tt.text)
				}
			}
		})
	}
}

func tagged(tag string) reflect.Type {
	return reflect.StructOf([]reflect.StructField{{Name: "X", Type: reflect.TypeFor[string](), Tag: reflect.StructTag(`json:"x" ` + tag)}})
}

// What changes of a route break.
// ending is data of sessions that end.
type ending struct{}

func (*ending) ExpiresAt() time.Time { return time.Time{} }

// Who could renew a session and cannot any more is worse off, and nobody else.
func TestDiffOfSessions(t *testing.T) {
	renewed := func(within time.Duration) []info {
		return []info{{more: func(r *wsgate.RouteInfo) {
			r.Data, r.Hooks = reflect.TypeFor[*ending](), []string{"OnRefresh"}
			r.Limits.Refresh, r.Limits.RefreshGrace = within, 25*time.Second
		}}}
	}
	ends := []info{{more: func(r *wsgate.RouteInfo) { r.Data = reflect.TypeFor[*ending]() }}}
	for _, tt := range []struct {
		name     string
		old, now []info
		want     []string
	}{
		{"the same", ends, ends, nil},
		{"can be renewed", ends, renewed(time.Minute), []string{"harmless: /ws: a client can renew its session"}},
		{"cannot be renewed", renewed(time.Minute), ends, []string{"breaks: /ws: a client cannot renew its session any more"}},
		{"at another time", renewed(time.Minute), renewed(time.Second), []string{"harmless: /ws: sessions are renewed at other times"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := diff(t, tt.old, tt.now); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	text, err := json.Marshal(document(t, renewed(time.Minute)...))
	if want := `"session":{"refreshes":true,"refresh":60000,"grace":25000}`; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("got %s, %v; want %s in it", text, err, want)
	}
}

func TestDiffOfRoutes(t *testing.T) {
	text := reflect.TypeFor[string]()
	base := func(change func(*info)) []info {
		i := info{
			path: "/ws", emits: map[string]reflect.Type{"say": text}, calls: map[string][2]reflect.Type{"ask": {text, text}},
			sends: map[string]reflect.Type{"said": text},
		}
		i.more = func(r *wsgate.RouteInfo) { r.Subprotocols = []string{"v1", "v2"} }
		if change != nil {
			change(&i)
		}
		return []info{i}
	}
	more := func(fn func(*wsgate.RouteInfo)) func(*info) {
		return func(i *info) {
			i.more = func(r *wsgate.RouteInfo) {
				r.Subprotocols = []string{"v1", "v2"}
				fn(r)
			}
		}
	}
	any := func(i *info) { i.sends = nil }
	for _, tt := range []struct {
		name      string
		now       func(*info)
		have      []string // from the base
		backwards []string // to the base
	}{
		{"nothing", nil, nil, nil},
		{"an event", func(i *info) { i.emits = nil }, []string{`breaks: /ws: event "say": clients cannot send it any more`}, []string{`harmless: /ws: event "say": clients can send it now`}},
		{"a call", func(i *info) { i.calls = nil }, []string{`breaks: /ws: call "ask": clients cannot send it any more`}, []string{`harmless: /ws: call "ask": clients can send it now`}},
		{"a call becomes an event", func(i *info) { i.calls, i.emits["ask"] = nil, text }, []string{`breaks: /ws: call "ask": is an event now, which has no answer of its own`}, []string{`harmless: /ws: event "ask": is a call now, which has an answer of its own`}},
		{"an answer", func(i *info) { i.calls["ask"] = [2]reflect.Type{text, reflect.TypeFor[bool]()} }, []string{`breaks: /ws: call "ask": its answer was string, is boolean`}, []string{`breaks: /ws: call "ask": its answer was boolean, is string`}},
		{
			"a session that ends", more(func(r *wsgate.RouteInfo) { r.Data = reflect.TypeFor[ending]() }),
			[]string{"breaks: /ws: sessions end now, with close code 4401"},
			[]string{"harmless: /ws: sessions do not end any more"},
		},
		{"a sent event", func(i *info) { i.sends = map[string]reflect.Type{} }, []string{`breaks: /ws: sent event "said": is not sent any more`}, []string{`harmless: /ws: sent event "said": is new`}},
		{
			"no list of sent events", any,
			[]string{"breaks: /ws: the route does not say any more what it sends: its Sends is nil"},
			[]string{`harmless: /ws: the route says what it sends; whether clients know other events cannot be told`, `harmless: /ws: sent event "said": is new`},
		},
		{"the path", func(i *info) { i.path = "/other" }, []string{"breaks: /ws: the route is gone", "harmless: /other: the route is new"}, []string{"breaks: /other: the route is gone", "harmless: /ws: the route is new"}},
		{
			"the envelope", func(i *info) { i.envelope = wsgate.Envelope{Type: "event", ID: "id"} },
			[]string{`breaks: /ws: the envelope was type "type", id "id", data "", is type "event", id "id", data ""`},
			[]string{`breaks: /ws: the envelope was type "event", id "id", data "", is type "type", id "id", data ""`},
		},
		{"a subprotocol", more(func(r *wsgate.RouteInfo) { r.Subprotocols = []string{"v2"} }), []string{`breaks: /ws: subprotocol "v1" is gone`}, []string{`harmless: /ws: subprotocol "v1" is new`}},
		{
			"raw messages", more(func(r *wsgate.RouteInfo) { r.Hooks, r.Events, r.Sends = []string{"OnMessage"}, nil, nil }),
			[]string{`breaks: /ws: messages have no envelope any more`, `breaks: /ws: call "ask": clients cannot send it any more`, `breaks: /ws: event "say": clients cannot send it any more`, `breaks: /ws: sent event "said": is not sent any more`},
			[]string{`breaks: /ws: messages have an envelope now`, `harmless: /ws: call "ask": clients can send it now`, `harmless: /ws: event "say": clients can send it now`, `harmless: /ws: sent event "said": is new`},
		},
		{"a limit", more(func(r *wsgate.RouteInfo) { r.Limits.Message = 100 }), []string{"breaks: /ws: a client may send 100 bytes in a message, not 65536 any more"}, []string{"harmless: /ws: a client may send 65536 bytes in a message, not 100 only"}},
		{"the queue", more(func(r *wsgate.RouteInfo) { r.Limits.QueueBytes = 100 }), []string{"harmless: /ws: other limits are new"}, []string{"harmless: /ws: other limits are new"}},
		{
			"presence", more(func(r *wsgate.RouteInfo) {
				r.Presence, r.PresenceType = "people", reflect.TypeFor[wsgate.Presence[int32]]()
			}),
			[]string{`harmless: /ws: presence was told by "", is by "people"`, `harmless: /ws: sent event "people": is new`},
			[]string{`breaks: /ws: sent event "people": is not sent any more`, `harmless: /ws: presence was told by "people", is by ""`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, way := range []struct {
				old, now []info
				want     []string
			}{{base(nil), base(tt.now), tt.have}, {base(tt.now), base(nil), tt.backwards}} {
				if got := diff(t, way.old, way.now); !slices.Equal(got, way.want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(way.want, "\n"))
				}
			}
		})
	}
}

// A contract breaks nothing of itself, whatever is in it.
func TestDiffOfItself(t *testing.T) {
	routes := []info{hostile(), everything("/all", wsgate.Envelope{}), everything("/nested", wsgate.Envelope{Type: "event", ID: "id", Data: "data"})}
	d := document(t, routes...)
	parsed, err := contract.Parse(d.JSON())
	if err != nil {
		t.Fatal(err)
	}
	if changes := contract.Diff(d, parsed); len(changes) > 0 {
		t.Errorf("got %v", changes)
	}
}
