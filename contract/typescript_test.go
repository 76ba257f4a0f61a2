package contract_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/contract"
	"github.com/wsgate/wsgate/internal/text"
)

// hostileTexts are names and descriptions that could end what they stand in.
var hostileTexts = []string{
	`"`, `'`, "`", `\`, `\"`, `*/ evil(); /*`, "*/", "</script><script>evil()</script>", "<!--", "//", "${evil()}", "__proto__", "constructor",
	"toString", "class", "new", "default", "import", "readonly", "get", "a b", "a.b", "a/b", "a~1b", "#/x", "$ref", "größe", "世界", "👩‍👩‍👧", "1", "1.5", "-", "é",
	"null", "undefined", "interface", "symbol", "[x]", "[key: string]", "?", "a?", "{", "}", ";", "%41", "%", "Omit", "Record", "\u202egnihton\u202c",
}

type (
	Omit   struct{ A string }
	record struct{ A string }
	Record struct{ B int32 }
	class  struct {
		Reserved string `json:"*/ evil(); //" description:"*/ evil(); /* </script> */ \n @ts-ignore"`
		Proto    string `json:"__proto__"`
		Ctor     bool   `json:"constructor,omitempty"`
		Script   *class `json:"</script>"`
		New      []class
		Odd      string `json:"größe 世界"`
	}
	WsHostile struct{ C bool } // the name of a route
	quotes    string
	levels    int8
)

func (quotes) Enum() []any {
	all := []any{}
	for _, one := range hostileTexts {
		all = append(all, one)
	}
	return all
}

func (levels) Enum() []any { return []any{1, -2, nil, true} }

// hostile is a route with names that are made to be hard to write down.
func hostile() info {
	i := info{
		path: "/ws/hostile", emits: map[string]reflect.Type{}, calls: map[string][2]reflect.Type{}, sends: map[string]reflect.Type{},
		more: func(r *wsgate.RouteInfo) { r.Subprotocols = []string{"a'b", "c`d"} },
	}
	types := []reflect.Type{
		reflect.TypeFor[Omit](), reflect.TypeFor[record](), reflect.TypeFor[Record](), reflect.TypeFor[class](), reflect.TypeFor[WsHostile](),
		reflect.TypeFor[quotes](), reflect.TypeFor[levels](), reflect.TypeFor[map[string]class](), reflect.TypeFor[[]quotes](),
		reflect.TypeFor[Page[class]](), reflect.TypeFor[Page[Page[quotes]]](), reflect.TypeFor[struct{}](), reflect.TypeFor[hidden](),
	}
	for n, name := range hostileTexts {
		if text.WrongEventName(name) != "" {
			continue
		}
		typ := types[n%len(types)]
		i.emits[name], i.sends[name] = typ, typ
		i.calls["ask "+name] = [2]reflect.Type{typ, typ}
	}
	return i
}

// Whatever names and texts there are, the module compiles, and holds nothing but types.
func TestHostileNamesInTypeScript(t *testing.T) {
	d, err := contract.Build(
		contract.Info{Title: "*/ evil() </script> \u2028 evil()\n evil(); \u009b2J \u202e"},
		hostile().route(), everything("/ws/all/{größe}", wsgate.Envelope{}).route(), everything("/a*/b'\"`/{x...}", wsgate.Envelope{Type: "'", ID: "*/", Data: "\\"}).route(),
		info{path: "/", more: func(r *wsgate.RouteInfo) { r.Hooks = []string{"OnMessage"} }}.route(), info{path: "/any"}.route(),
		info{path: "/any/", more: func(r *wsgate.RouteInfo) {
			r.Presence, r.PresenceType = "people", reflect.TypeFor[wsgate.Presence[int32]]()
		}}.route(),
	)
	if err != nil {
		t.Fatal(err)
	}
	module, _ := d.TypeScript()
	if bytes.Contains(module, []byte("</")) || bytes.Contains(module, []byte("<!--")) {
		t.Errorf("the module could end a script element")
	}
	if bytes.ContainsFunc(module, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) }) {
		t.Errorf("the module has characters that are obeyed and not shown")
	}
	script := &strings.Builder{}
	fmt.Fprintf(script, "import type * as all from './module';\nexport const x: all.WsHostile['emit'] extends object ? 1 : 0 = 1;\n")
	checkTypes(t, map[string][]byte{"module.ts": module, "use.ts": []byte(script.String())})
}

// Random types, of which the compiler finds nothing wrong.
func TestRandomTypesInTypeScript(t *testing.T) {
	files := map[string][]byte{}
	for seed := range uint64(12) {
		r := random{rand.New(rand.NewPCG(seed, 3)), false}
		i := info{emits: map[string]reflect.Type{}, sends: map[string]reflect.Type{}, calls: map[string][2]reflect.Type{}}
		for n := range 20 {
			i.emits["e"+strconv.Itoa(n)], i.sends["e"+strconv.Itoa(n)] = r.typ(3), r.typ(3)
			i.calls["c"+strconv.Itoa(n)] = [2]reflect.Type{r.typ(2), r.typ(2)}
		}
		module, _ := document(t, i).TypeScript()
		files["m"+strconv.FormatUint(seed, 10)+".ts"] = module
	}
	checkTypes(t, files)
}

// Ten thousand events.
func TestManyEvents(t *testing.T) {
	i := info{emits: map[string]reflect.Type{}, sends: map[string]reflect.Type{}}
	for n := range 10_000 {
		i.emits["event."+strconv.Itoa(n)], i.sends["sent "+strconv.Itoa(n)] = leaves[n%len(leaves)], leaves[n%len(leaves)]
	}
	d := document(t, i)
	module, _ := d.TypeScript()
	if n := bytes.Count(module, []byte("event.")); n != 10_000 {
		t.Errorf("got %d events", n)
	}
	checkTypes(t, map[string][]byte{"module.ts": module})
	if _, err := contract.Parse(d.JSON()); err != nil {
		t.Error(err)
	}
}

// What the types say of values, as the compiler understands it.
func TestTypeScriptTypes(t *testing.T) {
	module, rounded := document(t, info{
		path: "/ws/{room}/{rest...}", envelope: wsgate.Envelope{Type: "event", ID: "seq", Data: ""},
		emits: map[string]reflect.Type{"say": reflect.TypeFor[string](), "leave": reflect.TypeFor[struct{}](), "odd name": reflect.TypeFor[int32]()},
		calls: map[string][2]reflect.Type{"page": {reflect.TypeFor[Page[Line]](), reflect.TypeFor[*Line]()}},
		sends: map[string]reflect.Type{"all": reflect.TypeFor[Zeroes](), "node": reflect.TypeFor[Node](), "color": reflect.TypeFor[Color](), "quoted": reflect.TypeFor[Quoted](), "big": reflect.TypeFor[[]uint64]()},
		more:  func(r *wsgate.RouteInfo) { r.Subprotocols = []string{"b", "a"} },
	}, info{
		path:  "/flat",
		emits: map[string]reflect.Type{"hidden": reflect.TypeFor[hidden](), "card": reflect.TypeFor[card](), "loose": reflect.TypeFor[loose](), "maybe": reflect.TypeFor[*hidden]()},
	}).TypeScript()
	const want = "the payload of big"
	if fmt.Sprint(rounded) != "["+want+"]" {
		t.Errorf("rounded: got %q, want %q", rounded, want)
	}
	checkTypes(t, map[string][]byte{"module.ts": module, "use.ts": []byte(`
import type { WsRoomRest, Flat, Line, PageLine, Node } from "./module";

// exactly asks whether two types are the same.
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
type R = WsRoomRest;
export const checks: [
  Same<R["path"], "/ws/{room}/{rest...}">,
  Same<R["params"], { room: string; rest: string }>,
  Same<R["envelope"], { type: "event"; id: "seq"; data: "" }>,
  Same<R["subprotocols"], "b" | "a">,
  Same<R["emit"], { say: string; leave: void; "odd name": number }>,
  Same<R["calls"]["page"]["payload"], PageLine>,
  Same<R["calls"]["page"]["answer"], Line | null>,
  Same<R["on"]["color"], "red" | "green">,
  Same<R["on"]["big"], number[] | null>,
  Same<R["on"]["quoted"]["a"], string>,
  Same<R["on"]["all"]["t"], string | undefined>,
  Same<R["on"]["all"]["l"], Line[] | null>,
  Same<Node["children"], Node[] | undefined>,
  Same<Node["byName"], Record<string, Node | null> | null>,
  Same<Flat["subprotocols"], never>,
  Same<Flat["params"], {}>,
  Same<Flat["on"], { [event: string]: unknown }>,
  Same<Flat["emit"]["card"], { id: number; title: string }>,
] = [true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true];
export const hidden: Flat["emit"]["hidden"][] = [{ ID: null, title: "x" }, { ID: "1", title: "x" }];
export const maybe: Flat["emit"]["maybe"][] = [null, { ID: null, title: "x" }];
export const loose: Flat["emit"]["loose"][] = [{ data: null }, { data: {} }, { data: 1 }];
// @ts-expect-error the key has to be there: a client could not tell where the object belongs
export const lost: Flat["emit"]["hidden"] = { title: "x" };
// @ts-expect-error
export const undefinedData: Flat["emit"]["loose"] = { data: undefined };

// What a client of any contract is typed by.
interface Contract { path: string; params: object; envelope: { type: string; id: string; data: string }; subprotocols: string; emit: object; calls: object; on: object }
declare function connect<C extends Contract>(url: string): C;
export const both = [connect<R>(""), connect<Flat>("")];
`)})
}

// A module depends on the contract alone.
func TestDeterministic(t *testing.T) {
	first := document(t, hostile(), everything("/all", wsgate.Envelope{}))
	module, _ := first.TypeScript()
	for range 5 {
		again := document(t, hostile(), everything("/all", wsgate.Envelope{}))
		other, _ := again.TypeScript()
		parsed, err := contract.Parse(again.JSON())
		if err != nil {
			t.Fatal(err)
		}
		from, _ := parsed.TypeScript()
		if !bytes.Equal(first.JSON(), again.JSON()) || !bytes.Equal(module, other) || !bytes.Equal(module, from) || !bytes.Equal(first.JSON(), parsed.JSON()) {
			t.Fatal("two runs differ, or a document differs from what was parsed")
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	i := info{emits: map[string]reflect.Type{}, sends: map[string]reflect.Type{}}
	r := random{rand.New(rand.NewPCG(1, 4)), false}
	for n := range 100 {
		i.emits["event."+strconv.Itoa(n)], i.sends["sent."+strconv.Itoa(n)] = r.typ(2), leaves[n%len(leaves)]
	}
	route := i.route()
	for b.Loop() {
		d, err := contract.Build(contract.Info{}, route)
		if err != nil {
			b.Fatal(err)
		}
		module, _ := d.TypeScript()
		b.ReportMetric(float64(len(d.JSON())), "bytes-of-JSON")
		b.ReportMetric(float64(len(module)), "bytes-of-TypeScript")
	}
}

// The client package for TypeScript takes what is generated for its types.
func TestTypeScriptClient(t *testing.T) {
	module, _ := document(t, info{
		path: "/ws/{room}", emits: map[string]reflect.Type{"say": reflect.TypeFor[string](), "leave": reflect.TypeFor[struct{}](), "card": reflect.TypeFor[hidden]()},
		calls: map[string][2]reflect.Type{"page": {reflect.TypeFor[struct{}](), reflect.TypeFor[Page[Line]]()}},
		sends: map[string]reflect.Type{"said": reflect.TypeFor[Line]()},
	}, info{path: "/nested", envelope: wsgate.Envelope{Type: "event", ID: "id", Data: "payload"}}).TypeScript()
	files := map[string][]byte{"module.ts": module, "use.ts": []byte(`
import { connect, path } from "./index.js";
import type { Nested, WsRoom } from "./module.js";

const room = connect<WsRoom>(path<WsRoom>("/ws/{room}", { room: "go" }));
room.on("said", (line) => line.at.slice(0, 4));
room.emit("say", "hello");
room.emit("leave");
room.emit("card", { ID: null, title: "x" });
export const first = room.call("page").then((page) => page.items?.[0]?.from);
export const nested = connect<Nested>("/nested", { envelope: { type: "event", id: "id", data: "payload" } });
// @ts-expect-error there is no such event
room.emit("shout", "hello");
// @ts-expect-error it has another payload
room.emit("say", 1);
// @ts-expect-error the client could not tell where the object belongs
room.emit("card", { title: "x" });
// @ts-expect-error the keys of the envelope are missing
connect<Nested>("/nested");
`)}
	sources, err := filepath.Glob("../clients/typescript/src/*.ts")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no client: %v", err)
	}
	for _, source := range sources {
		if files[filepath.Base(source)], err = os.ReadFile(source); err != nil {
			t.Fatal(err)
		}
	}
	checkTypes(t, files)
}
