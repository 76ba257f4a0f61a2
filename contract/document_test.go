package contract_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/contract"
	"github.com/wsgate/wsgate/internal/envelope"
)

// card has a field with the name of one of the envelope's keys; hidden may leave it out.
type (
	card struct {
		ID    int32  `json:"id"`
		Title string `json:"title"`
	}
	hidden struct {
		ID    *string `json:"ID,omitempty"`
		Title string  `json:"title"`
	}
	loose struct {
		Data any `json:"data,omitempty"`
	}
)

// everything has events with payloads of all leaves and a few other forms, in an envelope.
func everything(path string, e wsgate.Envelope) info { return some(path, e, 0) }

// some has one sixth of them, or all for 0: the parser of AsyncAPI takes its time.
func some(path string, e wsgate.Envelope, sixth int) info {
	i := info{
		path: path, envelope: e, emits: map[string]reflect.Type{}, calls: map[string][2]reflect.Type{}, sends: map[string]reflect.Type{},
		more: func(r *wsgate.RouteInfo) {
			r.Presence, r.PresenceType = "people", reflect.TypeFor[wsgate.Presence[card]]()
			r.Subprotocols = []string{"v2", "v1"}
		},
	}
	types := append(slices.Clone(leaves),
		reflect.TypeFor[struct{}](), reflect.TypeFor[card](), reflect.TypeFor[hidden](), reflect.TypeFor[loose](), reflect.TypeFor[*card](),
		reflect.TypeFor[*Inner](), reflect.TypeFor[map[string]int32](), reflect.TypeFor[*Index](), reflect.TypeFor[[]Line](), reflect.TypeFor[*int16](),
		reflect.TypeFor[*hidden](),
	)
	for n, typ := range types {
		if sixth > 0 && n%6 != sixth-1 {
			continue
		}
		name := "e" + string(rune('a'+n%26)) + string(rune('a'+n/26))
		i.emits[name], i.sends[name] = typ, typ
		i.calls["q"+name] = [2]reflect.Type{typ, types[len(types)-1-n]}
	}
	return i
}

var envelopes = map[string]wsgate.Envelope{
	"/flat": {}, "/renamed/{room}": {Type: "$event", ID: "a/b~c"}, "/nested/{rest...}": {Type: "event", ID: "seq", Data: "data"},
}

// The document is valid, and so is each message that is made as the server makes it, in every envelope.
func TestMessagesAreAsDescribed(t *testing.T) {
	for path, e := range envelopes {
		t.Run(path, func(t *testing.T) {
			i := everything(path, e)
			d := document(t, i)
			var doc struct {
				Channels map[string]struct {
					Messages map[string]struct{ Payload json.RawMessage }
				}
			}
			if err := json.Unmarshal(d.JSON(), &doc); err != nil {
				t.Fatal(err)
			}
			if len(doc.Channels) != 1 {
				t.Fatalf("got %d channels", len(doc.Channels))
			}
			root := decoded(t, d.JSON())
			schemas := jsonschema.NewCompiler()
			schemas.DefaultDraft(jsonschema.Draft7)
			schemas.AssertFormat()
			if err := schemas.AddResource("doc.json", root); err != nil {
				t.Fatal(err)
			}
			names := envelope.New(e.Type, e.ID, e.Data)
			for key := range doc.Channels {
				for name, typ := range i.sends {
					checkMessages(t, schemas, "doc.json#/channels/"+key+"/messages/out."+name+"/payload", &names, name, nil, typ)
				}
				for name, types := range i.calls {
					checkMessages(t, schemas, "doc.json#/channels/"+key+"/messages/answer."+name+"/payload", &names, name, []byte("7"), types[1])
					checkMessages(t, schemas, "doc.json#/channels/"+key+"/messages/in."+name+"/payload", &names, name, []byte(`"x"`), types[0])
				}
			}
		})
	}
}

// oneWay are types whose JSON is another in the other direction.
var oneWay = regexp.MustCompile("OnlyIn|Both|TextBytes|PointerText")

// checkMessages validates messages with random payloads. Those of another event, and those without what they need, are not valid.
func checkMessages(t *testing.T, schemas *jsonschema.Compiler, at string, names *envelope.Names, name string, id []byte, typ reflect.Type) {
	t.Helper()
	s, err := schemas.Compile(at)
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	incoming := strings.Contains(at, "/in.")
	if incoming && oneWay.MatchString(typ.String()) {
		return
	}
	for seed := range uint64(10) {
		r := random{rand.New(rand.NewPCG(seed, 2)), false}
		v := reflect.New(typ)
		r.fill(v.Elem(), 5)
		payload, err := json.Marshal(v.Elem().Interface())
		if err != nil {
			t.Fatal(err)
		}
		text, err := names.Text(name, id, names.ShapeOf(typ), payload)
		if err != nil {
			t.Fatal(err)
		}
		message := decoded(t, text).(map[string]any)
		if err := s.Validate(message); err != nil {
			t.Fatalf("%s: %v: %s\n%v", at, typ, text, err)
		}
		for _, key := range []string{names.Type, names.ID, names.Data} {
			value, ok := message[key]
			if !ok || key == names.Data && (incoming || typ.NumMethod() == 0 && typ.Kind() == reflect.Struct && typ.NumField() == 0) {
				continue
			}
			delete(message, key)
			if s.Validate(message) == nil {
				t.Fatalf("%s: %v: %s is not refused without %q", at, typ, text, key)
			}
			message[key] = value
		}
		if message[names.Type] = "other"; s.Validate(message) == nil {
			t.Fatalf("%s: %s is not refused as another event", at, text)
		}
	}
}

// The parser of AsyncAPI finds nothing wrong.
func TestDocumentIsValid(t *testing.T) {
	documents := map[string]*contract.Document{}
	for path, e := range envelopes {
		n := len(documents) + 1
		documents["document"+strconv.Itoa(n)+".json"] = document(t, some(path, e, n), some(path+"/more", e, n+3))
	}
	raw := info{path: "example.com/räume/{größe}/{$}", more: func(r *wsgate.RouteInfo) { r.Hooks = []string{"OnMessage"} }}
	names := hostile()
	names.calls = nil // which have the same names again
	documents["many.json"] = document(t, raw, info{path: "/"}, info{path: "/{$}"}, info{path: "/{x}"}, names)
	checkDocuments(t, documents)
}
