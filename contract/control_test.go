package contract_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/contract"
	"github.com/wsgate/wsgate/internal/envelope"
)

// session is a route whose gateway has OnRefresh, or has not.
func session(path string, e wsgate.Envelope, refreshes bool) info {
	return info{
		path: path, envelope: e, emits: map[string]reflect.Type{"refresh": reflect.TypeFor[string]()}, sends: map[string]reflect.Type{},
		more: func(r *wsgate.RouteInfo) {
			if refreshes {
				r.Hooks = []string{"OnRefresh"}
			}
		},
	}
}

// Control messages are as the server encodes and decodes them, in every envelope.
func TestControlMessagesAreAsDescribed(t *testing.T) {
	all := map[string]wsgate.Envelope{"/taken": {Type: "token", ID: "in"}}
	for path, e := range envelopes {
		all[path] = e
	}
	seconds := int64(30)
	for path, e := range all {
		t.Run(path, func(t *testing.T) {
			d := document(t, session(path, e, true))
			var doc struct{ Channels map[string]any }
			if err := json.Unmarshal(d.JSON(), &doc); err != nil {
				t.Fatal(err)
			}
			var channel string
			for channel = range doc.Channels {
			}
			schemas := jsonschema.NewCompiler()
			schemas.DefaultDraft(jsonschema.Draft7)
			if err := schemas.AddResource("doc.json", decoded(t, d.JSON())); err != nil {
				t.Fatal(err)
			}
			names := envelope.New(e.Type, e.ID, e.Data)
			for _, m := range []struct {
				key, name string
				id        []byte
				payload   any
				invalid   bool
			}{
				{key: "out._24expiring", name: "$expiring", payload: envelope.TimeLeft{In: &seconds}},
				{key: "out._24expiring", name: "$expiring", payload: envelope.TimeLeft{}, invalid: true},
				{key: "in._24refresh", name: "$refresh", payload: envelope.Token{Token: "t"}},
				{key: "in._24refresh", name: "$refresh", id: []byte("7"), payload: envelope.Token{Token: "t"}},
				{key: "in._24refresh", name: "$refresh", payload: struct{}{}, invalid: true},
				{key: "answer._24refresh", name: "$refresh", id: []byte("7"), payload: envelope.TimeLeft{In: &seconds}},
				{key: "answer._24refresh", name: "$refresh", id: []byte("7"), payload: envelope.TimeLeft{}},
				{key: "answer._24refresh", name: "$refresh", payload: envelope.TimeLeft{}, invalid: true},
				{key: "out._24reconnect", name: "$reconnect", payload: struct{}{}},
				{key: "in._24reconnect", name: "$reconnect", payload: struct{}{}},
				{key: "done._24reconnect", name: "$reconnect", id: []byte("7"), payload: struct{}{}},
			} {
				s, err := schemas.Compile("doc.json#/channels/" + channel + "/messages/" + m.key + "/payload")
				if err != nil {
					t.Fatal(err)
				}
				encoded, err := names.Control(m.name, m.id, m.payload)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Validate(decoded(t, encoded.Payload())); (err != nil) != m.invalid {
					t.Errorf("%s: %s: got %v, invalid: %v", m.key, encoded.Payload(), err, m.invalid)
				}
			}
		})
	}
}

func TestControlMessagesOfRoutes(t *testing.T) {
	for name, c := range map[string]struct {
		route info
		want  map[string]bool
	}{
		"with OnRefresh":    {session("/ws", wsgate.Envelope{}, true), map[string]bool{"$reconnect": true, "$refresh": true, "$expiring": true}},
		"without OnRefresh": {session("/ws", wsgate.Envelope{}, false), map[string]bool{"$reconnect": true}},
		"raw":               {info{more: func(r *wsgate.RouteInfo) { r.Hooks = []string{"OnMessage", "OnRefresh"} }}, nil},
	} {
		text := document(t, c.route).JSON()
		for _, control := range []string{"$reconnect", "$refresh", "$expiring"} {
			if got := bytes.Contains(text, []byte(`"name": "`+control+`"`)); got != c.want[control] {
				t.Errorf("%s: %s is described: %v, want %v", name, control, got, c.want[control])
			}
		}
	}
}

// Clients handle control messages themselves, so they are no events of the types and no change of what clients use.
func TestControlMessagesAreNoEvents(t *testing.T) {
	with, without := document(t, session("/ws", wsgate.Envelope{}, true)), document(t, session("/ws", wsgate.Envelope{}, false))
	types, _ := with.TypeScript()
	before, _ := without.TypeScript()
	if !bytes.Equal(types, before) || strings.Contains(string(types), "$") {
		t.Errorf("got the types\n%s\nwant\n%s", types, before)
	}
	for _, changes := range [][]contract.Change{contract.Diff(with, without), contract.Diff(without, with)} {
		if len(changes) != 0 {
			t.Errorf("got the changes %v", changes)
		}
	}
}

func TestControlDocumentIsValid(t *testing.T) {
	checkDocuments(t, map[string]*contract.Document{"control.json": document(t, session("/ws", wsgate.Envelope{}, true), session("/nested", envelopes["/nested/{rest...}"], true))})
}
