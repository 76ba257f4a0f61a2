package envelope_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/inspect"
)

var (
	flat    = envelope.Names{Type: "type", ID: "id", Data: "data"}
	nested  = envelope.Names{Type: "event", ID: "id", Data: "data", Nested: true}
	renamed = envelope.Names{Type: "action ü", ID: `"seq"`, Data: "payload"}
)

// text returns what is in a text frame.
func text(t testing.TB, m *frame.Message) string {
	t.Helper()
	f := m.For(false)
	if f[0] != 0x81 {
		t.Errorf("got first byte %#x, want a whole text frame", f[0])
	}
	switch f[1] {
	case 126:
		return string(f[4:])
	case 127:
		return string(f[10:])
	}
	return string(f[2:])
}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		names    envelope.Names
		text     string
		typ, id  string
		complain string
	}{
		{flat, `{"type":"say"}`, "say", "", ""},
		{flat, `{"type":"say","id":7}`, "say", "7", ""},
		{flat, ` { "id" : "x" , "type" : "say" } `, "say", `"x"`, ""},
		{flat, `{"type":"s\u0061y"}`, "say", "", ""},
		{flat, `{"t\u0079pe":"say","\u0069d":1}`, "say", "1", ""},
		{flat, `{"type":""}`, "", "", ""},
		{flat, `{"type":"a","data":{"type":"b","id":2}}`, "a", "", ""},
		{flat, `{"type":"a","id":` + strings.Repeat("1", 64) + `}`, "a", strings.Repeat("1", 64), ""},
		{flat, `{"type":"a","id":null}`, "", "", "id is not a number or string"},
		{flat, `{"type":"a","id":[1]}`, "", "", "id is not a number or string"},
		{flat, `{"type":"a","id":` + strings.Repeat("1", 65) + `}`, "", "", "at most 64 bytes"},
		{flat, `{"type":5,"id":1}`, "", "1", `"type" is not a string`},
		{flat, `{"id":1}`, "", "1", `message has no "type"`},
		{flat, `{"type":"a","ID":1}`, "", "", `unknown key "ID"`},
		{flat, `{"type":"a","id":1,"Data":1}`, "", "1", `unknown key "Data"`},
		{flat, `{"type":"a","id":1`, "", "", "Invalid JSON"},
		{flat, `{"type":"a","id":1,"id":1}`, "", "", "duplicate key"},
		{nested, `{"event":"say","type":"x","data":1}`, "say", "", ""},
		{nested, `{"type":"x"}`, "", "", `message has no "event"`},
		{renamed, `{"action ü":"say","\"seq\"":1,"id":2,"type":3}`, "say", "1", ""},
		{renamed, `{"ACTION Ü":"say"}`, "", "", `unknown key "ACTION Ü"`},
	} {
		var in envelope.Inbound
		in.ID, in.Type = []byte("of the one before"), []byte("likewise")
		err := test.names.Parse([]byte(test.text), &in)
		if test.complain != "" {
			if err == nil || !strings.Contains(err.Error(), test.complain) {
				t.Errorf("%s: got error %v, want %s", test.text, err, test.complain)
			}
		} else if err != nil || string(in.Type) != test.typ {
			t.Errorf("%s: got type %q, %v, want %q", test.text, in.Type, err, test.typ)
		}
		if string(in.ID) != test.id || (in.ID == nil) != (test.id == "") {
			t.Errorf("%s: got id %q, want %q", test.text, in.ID, test.id)
		}
	}
}

type roomAndNumber struct {
	Room string `json:"room"`
	N    int    `json:"n"`
}

// message has fields with the names of the envelope's keys.
type message struct {
	ID   int64
	Type string   `json:"type"`
	Data []string `json:"data"`
}

func TestDecode(t *testing.T) {
	for _, test := range []struct {
		names envelope.Names
		text  string
		want  any
	}{
		{flat, `{"type":"x","data":"a"}`, "a"},
		{flat, `{"type":"x","data":[1,2]}`, []int{1, 2}},
		{flat, `{"type":"x"}`, []int(nil)},
		{flat, `{"type":"x","room":"a","n":1}`, roomAndNumber{"a", 1}},
		{flat, `{"type":"x","data":null}`, (*roomAndNumber)(nil)},
		{flat, `{"type":"x","room":"a","n":1}`, &roomAndNumber{"a", 1}},
		{flat, `{"type":"x","id":1,"data":2,"a":3,"b":4}`, map[string]int{"a": 3, "b": 4}},
		{flat, `{"type":"x","\"":3,"\u00e4":4}`, map[string]int{`"`: 3, "ä": 4}},
		{flat, `{"type":"x"}`, map[string]int{}},
		{nested, `{"event":"x","data":"a"}`, "a"},
		{nested, `{"event":"x","data":{"room":"a","n":1}}`, roomAndNumber{"a", 1}},
		{nested, `{"event":"x","rooms":"a","m":1}`, roomAndNumber{}},
		{nested, `{"event":"x","data":{"event":1,"id":2}}`, map[string]int{"event": 1, "id": 2}},
		{renamed, `{"action ü":"x","payload":"a","data":"b"}`, "a"},
		{renamed, `{"action ü":"x","type":1,"payload":2}`, map[string]int{"type": 1}},
	} {
		var in envelope.Inbound
		if err := test.names.Parse([]byte(test.text), &in); err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		got := reflect.New(reflect.TypeOf(test.want))
		if err := test.names.DecoderFor(got.Type().Elem()).Decode(&in, got.Interface()); err != nil || !reflect.DeepEqual(got.Elem().Interface(), test.want) {
			t.Errorf("%s: got %v, %v, want %v", test.text, got.Elem(), err, test.want)
		}
	}
}

func TestEncode(t *testing.T) {
	for _, test := range []struct {
		names    envelope.Names
		name, id string
		shape    inspect.Shape
		payload  string
		want     string
	}{
		{flat, "x", "", inspect.Value, ``, `{"type":"x"}`},
		{flat, "x", "7", inspect.Value, ``, `{"type":"x","id":7}`},
		{flat, "x", "", inspect.Value, `"a"`, `{"type":"x","data":"a"}`},
		{flat, "x", "7", inspect.Value, `null`, `{"type":"x","id":7,"data":null}`},
		{flat, "x", "7", inspect.Value, `{"type":1}`, `{"type":"x","id":7,"data":{"type":1}}`},
		{flat, "x", "7", inspect.Object, `{"room":"a","n":1}`, `{"type":"x","id":7,"room":"a","n":1}`},
		{flat, "x", "", inspect.Object, `{}`, `{"type":"x"}`},
		{flat, "x", `"i"`, inspect.Object, `null`, `{"type":"x","id":"i","data":null}`},
		{flat, "x", "", inspect.Map, `{"b":1,"a":2}`, `{"type":"x","b":1,"a":2}`},
		{flat, "x", "", inspect.Map, `null`, `{"type":"x"}`},
		{flat, `ä"\`, "", inspect.Value, ``, `{"type":"ä\"\\"}`},
		{nested, "x", "7", inspect.Object, `{"room":"a","n":1}`, `{"event":"x","id":7,"data":{"room":"a","n":1}}`},
		{nested, "x", "", inspect.Object, `null`, `{"event":"x","data":null}`},
		{nested, "x", "", inspect.Map, `{"event":1}`, `{"event":"x","data":{"event":1}}`},
		{nested, "x", "7", inspect.Value, ``, `{"event":"x","id":7}`},
		{renamed, "x", "7", inspect.Value, `1`, `{"action ü":"x","\"seq\"":7,"payload":1}`},
	} {
		m, err := test.names.Encode(test.name, bytesOrNil(test.id), test.shape, bytesOrNil(test.payload))
		if err != nil {
			t.Errorf("%s: %v", test.want, err)
			continue
		}
		if got := text(t, m); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func bytesOrNil(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// A map's keys that are the envelope's would overwrite it.
func TestEncodeOfMapsWithReservedKeys(t *testing.T) {
	for _, key := range []string{"type", "TYPE", `\u0074ype`, "id", "data"} {
		if m, err := flat.Encode("x", nil, inspect.Map, []byte(`{"a":1,"`+key+`":2}`)); err == nil {
			t.Errorf("got %s, want an error", text(t, m))
		}
	}
	if m, err := renamed.Encode("x", nil, inspect.Map, []byte(`{"type":2}`)); err != nil {
		t.Error(err)
	} else if got := text(t, m); got != `{"action ü":"x","type":2}` {
		t.Errorf("got %s", got)
	}
	if _, err := flat.Encode("x", nil, inspect.Map, []byte(`{"a":{"type":1}}`)); err != nil {
		t.Errorf("a key deeper inside: %v", err)
	}
}

func TestError(t *testing.T) {
	for _, test := range []struct {
		names   envelope.Names
		id      string
		details any
		want    string
	}{
		{flat, "", nil, `{"type":"error","code":"invalid","message":"no"}`},
		{flat, "7", nil, `{"type":"error","id":7,"code":"invalid","message":"no"}`},
		{flat, "7", []int{1}, `{"type":"error","id":7,"code":"invalid","message":"no","details":[1]}`},
		{nested, "7", nil, `{"event":"error","id":7,"data":{"code":"invalid","message":"no"}}`},
	} {
		m, err := test.names.Error(bytesOrNil(test.id), "invalid", "no", test.details)
		if err != nil {
			t.Errorf("%s: %v", test.want, err)
		} else if got := text(t, m); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

// FuzzEnvelope encodes an event and reads it back.
func FuzzEnvelope(f *testing.F) {
	f.Add("say", "hello", int64(7), uint8(0))
	f.Add("ä\"\\\u2028", "", int64(-1), uint8(1))
	f.Add("", "type", int64(0), uint8(2))
	f.Add("type", `{"type":"x"}`, int64(1)<<62, uint8(7))
	f.Add("a\x00b", "data", int64(3), uint8(255))
	f.Add(strings.Repeat("x", 200), strings.Repeat("<&>", 300), int64(3), uint8(4))
	f.Fuzz(func(t *testing.T, name, s string, number int64, choice uint8) {
		name, s = strings.ToValidUTF8(name, "?"), strings.ToValidUTF8(s, "?")
		names := []envelope.Names{flat, nested, renamed}[choice%3]
		id, err := json.Marshal([]any{number, s, nil}[choice/3%3])
		if err != nil {
			t.Fatal(err)
		}
		if string(id) == "null" || len(id) > envelope.MaxID {
			id = nil
		}
		round := func(payload, into any) {
			shape := names.ShapeOf(reflect.TypeOf(payload))
			body, err := json.Marshal(payload)
			if err != nil {
				t.Fatal(err)
			}
			m, err := names.Encode(name, id, shape, body)
			if err != nil {
				t.Fatalf("encoding %#v: %v", payload, err)
			}
			sent := text(t, m)
			var in envelope.Inbound
			if err := names.Parse([]byte(sent), &in); err != nil {
				t.Fatalf("reading %s: %v", sent, err)
			}
			if string(in.Type) != name || string(in.ID) != string(id) || (in.ID == nil) != (id == nil) {
				t.Errorf("%s: got type %q and id %q, want %q and %q", sent, in.Type, in.ID, name, id)
			}
			if err := names.DecoderFor(reflect.TypeOf(into).Elem()).Decode(&in, into); err != nil {
				t.Fatalf("decoding %s: %v", sent, err)
			}
		}
		var gotString string
		round(s, &gotString)
		if gotString != s {
			t.Errorf("got %q, want %q", gotString, s)
		}
		want := roomAndNumber{s, int(number)}
		var gotStruct roomAndNumber
		round(want, &gotStruct)
		if gotStruct != want {
			t.Errorf("got %+v, want %+v", gotStruct, want)
		}
		wantWhole := message{ID: number, Type: s, Data: []string{name}}
		var gotWhole message
		round(wantWhole, &gotWhole)
		if !reflect.DeepEqual(gotWhole, wantWhole) {
			t.Errorf("got %+v, want %+v", gotWhole, wantWhole)
		}
		fields := map[string]int64{s: number, "a": 1}
		if !names.Nested {
			for _, key := range []string{names.Type, names.ID, names.Data} {
				if strings.EqualFold(s, key) {
					return
				}
			}
		}
		gotMap := map[string]int64{}
		round(fields, &gotMap)
		if !maps.Equal(gotMap, fields) {
			t.Errorf("got %v, want %v", gotMap, fields)
		}
	})
}

// The key of traces is no part of a payload in any form, and is nobody's own.
func TestTraceKey(t *testing.T) {
	const trace = `"$trace":"00-11-22-01"`
	for _, test := range []struct {
		names envelope.Names
		text  string
		into  any
		want  string
	}{
		{flat, `{"type":"x",` + trace + `,"a":"b"}`, new(map[string]string), `{"a":"b"}`},
		{flat, `{"type":"x",` + trace + `}`, new(map[string]string), `{}`},
		{flat, `{"type":"x",` + trace + `,"n":7}`, new(struct{ N int }), `{"N":7}`},
		{flat, `{"type":"x",` + trace + `,"data":"hi"}`, new(string), `"hi"`},
		{flat, `{"type":"x",` + trace + `}`, new(struct{ ID *int }), `{"ID":null}`},
		{nested, `{"event":"x",` + trace + `,"data":{"a":"b"}}`, new(map[string]string), `{"a":"b"}`},
		{nested, `{"event":"x",` + trace + `}`, new(map[string]string), `{}`},
	} {
		var in envelope.Inbound
		if err := test.names.Parse([]byte(test.text), &in); err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		err := test.names.DecoderFor(reflect.TypeOf(test.into).Elem()).Decode(&in, test.into)
		got, _ := json.Marshal(test.into)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got %s and error %v, want %s", test.text, got, err, test.want)
		}
	}
	names := envelope.New("$Trace", "", "")
	for key := range names.WrongKeys() {
		if key == "$Trace" {
			return
		}
	}
	t.Error("an envelope may have the key of traces for its own")
}
