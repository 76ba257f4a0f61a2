package wsgate_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/test/kit"
)

// What stands here is the same in every release of Go and with every engine of encoding/json.

type (
	promoted struct {
		Sig int `json:"σ"`
	}

	// lenient has what JSON is lenient about.
	lenient struct {
		Any   any
		Pair  [2]int
		List  []int
		Bytes []byte
		Time  time.Time
		Dur   time.Duration
		Num   json.Number
		Quote int `json:",string"`
		Map   map[int]string
		Ptr   *int
		N     int
		F     float32
	}

	// sparse leaves out what is empty.
	sparse struct {
		List  []int          `json:"list,omitempty"`
		Map   map[string]int `json:"map,omitempty"`
		Point *point         `json:"point,omitempty"`
		Time  time.Time      `json:"time,omitempty"`
		Zero  time.Time      `json:"zero,omitzero"`
		Array [2]int         `json:"array,omitzero"`
		Even  even           `json:"even,omitzero"`
	}
	even int

	// byPointer marshals itself only where it can be addressed.
	byPointer struct{}

	// sorted is a key that is written as another.
	sorted int
)

func (e even) IsZero() bool { return e%2 != 0 }

func (*byPointer) MarshalJSON() ([]byte, error) { return []byte(` { "<b>" : [ 1.0 , "\/" ] } `), nil }

func (s sorted) MarshalText() ([]byte, error) { return fmt.Append(nil, "k", 9-int(s)), nil }

// What clients may send, and what the handler gets.
func TestPayloadsThatDecode(t *testing.T) {
	c := kit.Speak(t, kit.Show[string]("string"), kit.Show[any]("any"), kit.Show[lenient]("lenient"), kit.Show[[]string]("strings"),
		kit.Show[map[string]point]("points"),
		kit.Echo[struct {
			Kind   int
			Street int `json:"straße"`
			Ab     int `json:"a_b"`
			promoted
		}]("names"))
	for _, test := range []struct{ members, want string }{
		// Strings.
		{`"type":"string","data":"\u00e4\ud83d\ude00\/"`, `ä😀/`},
		{`"type":"string","data":"\ud800x\udc00"`, "\ufffdx\ufffd"},
		{`"type":"any","data":"\u0000"`, "\x00"},

		// Numbers.
		{`"type":"any","data":12345678901234567890`, `12345678901234567890`},
		{`"type":"any","data":[-0,1.0,1E2]`, `[-0 1.0 1E2]`},
		{
			`"type":"lenient","F":1e-400,"N":-0,"Num":1.0E+2,"Dur":5,"Quote":"7"`,
			`{Any:<nil> Pair:[0 0] List:[] Bytes:[] Time:0001-01-01 00:00:00 +0000 UTC Dur:5ns Num:1.0E+2 Quote:7 Map:map[] Ptr:<nil> N:0 F:0}`,
		},
		{
			`"type":"lenient","Num":"12"`,
			`{Any:<nil> Pair:[0 0] List:[] Bytes:[] Time:0001-01-01 00:00:00 +0000 UTC Dur:0s Num:12 Quote:0 Map:map[] Ptr:<nil> N:0 F:0}`,
		},

		// null is no value, wherever it stands inside of a payload.
		{
			`"type":"lenient","Any":null,"Pair":null,"List":null,"Bytes":null,"Time":null,"Dur":null,"Num":null,"Quote":null,"Map":null,"Ptr":null,"N":null`,
			`{Any:<nil> Pair:[0 0] List:[] Bytes:[] Time:0001-01-01 00:00:00 +0000 UTC Dur:0s Num: Quote:0 Map:map[] Ptr:<nil> N:0 F:0}`,
		},
		{`"type":"strings","data":["a",null]`, `[a ]`},

		// Arrays of another length, bytes in both forms, keys that are numbers.
		{
			`"type":"lenient","Pair":[1,2,"x"],"List":[],"Bytes":"AQI=","Map":{"-1":"a"}`,
			`{Any:<nil> Pair:[1 2] List:[] Bytes:[1 2] Time:0001-01-01 00:00:00 +0000 UTC Dur:0s Num: Quote:0 Map:map[-1:a] Ptr:<nil> N:0 F:0}`,
		},
		{
			`"type":"lenient","Pair":[1],"Bytes":[1,2]`,
			`{Any:<nil> Pair:[1 0] List:[] Bytes:[1 2] Time:0001-01-01 00:00:00 +0000 UTC Dur:0s Num: Quote:0 Map:map[] Ptr:<nil> N:0 F:0}`,
		},

		// Times, also with escapes that they do not need.
		{
			`"type":"lenient","Time":"2026-01-02T03:04:05.6789+01:30"`,
			`{Any:<nil> Pair:[0 0] List:[] Bytes:[] Time:2026-01-02 03:04:05.6789 +0130 +0130 Dur:0s Num: Quote:0 Map:map[] Ptr:<nil> N:0 F:0}`,
		},
		{
			`"type":"lenient","N":1,"Time":"2026-01-02T03:04:05\u002b01:30"`,
			`{Any:<nil> Pair:[0 0] List:[] Bytes:[] Time:2026-01-02 03:04:05 +0130 +0130 Dur:0s Num: Quote:0 Map:map[] Ptr:<nil> N:1 F:0}`,
		},

		// A name twice, in two spellings: the last one counts.
		{
			`"type":"lenient","N":1,"n":2`,
			`{Any:<nil> Pair:[0 0] List:[] Bytes:[] Time:0001-01-01 00:00:00 +0000 UTC Dur:0s Num: Quote:0 Map:map[] Ptr:<nil> N:2 F:0}`,
		},
		{`"type":"points","a":"1,2"`, `map[a:{X:1 Y:2}]`},
	} {
		c.Say(`{` + test.members + `,"id":1}`)
		var answer struct{ Data, Message string }
		if err := json.Unmarshal([]byte(c.Hear()), &answer); err != nil || answer.Data != test.want {
			t.Errorf("%s: got %q, %s, want %q", test.members, answer.Data, answer.Message, test.want)
		}
	}

	const names = `{"type":"names","id":1,"Kind":%d,"straße":%d,"a_b":%d,"σ":%d}`
	for _, test := range []struct {
		key  string
		want [4]any
	}{
		{`kind`, [4]any{1, 0, 0, 0}},
		{`KIND`, [4]any{1, 0, 0, 0}},
		{"\u212aind", [4]any{1, 0, 0, 0}}, // the Kelvin sign
		{`\u004bind`, [4]any{1, 0, 0, 0}},
		{`STRAẞE`, [4]any{0, 1, 0, 0}},
		{`strasse`, [4]any{0, 0, 0, 0}},
		{`A_B`, [4]any{0, 0, 1, 0}},
		{`AB`, [4]any{0, 0, 0, 0}},
		{`a-b`, [4]any{0, 0, 0, 0}},
		{`Σ`, [4]any{0, 0, 0, 1}},
		{`ς`, [4]any{0, 0, 0, 1}},
	} {
		c.Asks(`{"type":"names","id":1,"`+test.key+`":1}`, fmt.Sprintf(names, test.want[:]...))
	}
	c.Logged(0)
}

// What is sent, and what clients get.
func TestPayloadsThatEncode(t *testing.T) {
	for _, test := range []struct {
		payload any
		want    string
	}{
		{"<a href='x'>&\u2028\u2029", `"\u003ca href='x'\u003e\u0026\u2028\u2029"`},
		{"\x00\x1f\x7f\b\f\n\r\t\"\\/", "\"\\u0000\\u001f\x7f\\b\\f\\n\\r\\t\\\"\\\\/\""},
		{"not UTF-8: \xff", "\"not UTF-8: \ufffd\""},
		{map[string]int{"b": 1, "a": 2, "<": 3, "ä": 4, "B": 5}, `{"\u003c":3,"B":5,"a":2,"b":1,"ä":4}`},
		{map[int]int{10: 1, 9: 2, -1: 3}, `{"-1":3,"10":1,"9":2}`},
		{map[sorted]int{1: 1, 2: 2}, `{"k7":2,"k8":1}`},
		{[]float64{0, math.Copysign(0, -1), 1e20, 1e21, 1e-6, 1e-7, 1.0 / 3, 100}, `[0,-0,100000000000000000000,1e+21,0.000001,1e-7,0.3333333333333333,100]`},
		{[]float32{1.0 / 3, 1e21, 16777216}, `[0.33333334,1e+21,16777216]`},
		{[]any{nil, []int(nil), map[string]int(nil), []byte(nil), []byte{1}, [2]byte{1, 2}, (*int)(nil)}, `[null,null,null,null,"AQ==",[1,2],null]`},
		{[]any{time.Date(2026, 1, 2, 3, 4, 5, 60, time.UTC), time.Second, time.March}, `["2026-01-02T03:04:05.00000006Z",1000000000,3]`},
		{json.RawMessage(` { "b" : [ 1.0, 1E2 , "\/<" ] } `), `{"b":[1.0,1E2,"\/\u003c"]}`},
		{[]any{json.RawMessage(nil), json.Number(""), json.Number("1.0E2")}, `[null,0,1.0E2]`},
		{[]any{byPointer{}, &byPointer{}, []byPointer{{}}}, `[{},{"\u003cb\u003e":[1.0,"\/"]},[{"\u003cb\u003e":[1.0,"\/"]}]]`},
		{sparse{List: []int{}, Map: map[string]int{}, Even: 1}, `{"time":"0001-01-01T00:00:00Z"}`},
		{sparse{Even: 2, Array: [2]int{0, 1}}, `{"time":"0001-01-01T00:00:00Z","array":[0,1],"even":2}`},
		{struct {
			*promoted
			Q int    `json:"q,string"`
			S string `json:"s,string"`
			//lint:ignore SA5008 the option does nothing here
			L []int   `json:"l,string"`
			F float64 `json:"f,string"`
		}{S: `"`, F: 1.5, L: []int{1}}, `{"q":"0","s":"\"\\\"\"","l":[1],"f":"1.5"}`},
		{struct{ *promoted }{&promoted{3}}, `{"σ":3}`},
	} {
		c := kit.Speak(t, kit.Give("x", test.payload))
		c.Say(`{"type":"x","id":1}`)
		got := strings.ReplaceAll(c.Hear(), `\ufffd`, "\ufffd") // which is the same
		if want := `{"type":"x","id":1,"data":` + test.want + `}`; got != want {
			t.Errorf("%#v:\n got %s\nwant %s", test.payload, got, want)
		}
	}
}
