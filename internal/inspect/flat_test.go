package inspect_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/inspect"
)

type scalars struct {
	Text   string `json:"text"`
	On     bool   `json:"on,omitempty"`
	Any    int
	I8     int8    `json:"i8"`
	I64    int64   `json:"i64,omitzero"`
	U8     uint8   `json:"u8"`
	U64    uint64  `json:"u64"`
	F32    float32 `json:"f32"`
	F64    float64 `json:"f64"`
	Hidden string  `json:"-"`
	own    string  //lint:ignore U1000 encoding/json ignores it, and so must the plan
}

type loud string

type halfScalars struct {
	Kind loud           `json:"kind"`
	N    int            `json:"n"`
	Tags []string       `json:"tags"`
	At   time.Time      `json:"at"`
	To   *string        `json:"to"`
	Of   map[string]int `json:"of"`
	A, B bool
	S    string
}

var flatTexts = []string{
	`{}`, ` { } `, `null`, `[]`, `"x"`, `7`,
	`{"text":"hello","on":true,"Any":7,"i8":-128,"i64":-9223372036854775808,"u8":255,"u64":18446744073709551615,"f32":1.5,"f64":-2e300}`,
	`{"text":null,"on":null,"i8":null,"f64":null}`,
	`{"text":"a","text":"b","on":true,"on":null,"on":false}`, `{"text":"a","TEXT":"b"}`, `{"TEXT":"a","text":"b"}`,
	`{"te\u0078t":"x"}`, `{"text":"\u00e4\n\ud83d\ude00\ud800"}`, "{\"text\":\"\xff\"}", "{\"\xff\":1,\"text\":\"ä\"}",
	`{"i8":128}`, `{"i8":-129}`, `{"u8":256}`, `{"u8":-1}`, `{"i8":1.0}`, `{"i8":1e1}`, `{"i8":-0}`, `{"u8":-0}`,
	`{"i64":9223372036854775808}`, `{"u64":18446744073709551616}`, `{"f32":1e39}`, `{"f64":1e309}`, `{"f64":-0}`, `{"f64":1e-400}`, `{"f32":16777217}`,
	`{"f64":"1"}`, `{"text":1}`, `{"text":true}`, `{"text":[]}`, `{"text":{}}`, `{"on":"true"}`, `{"on":1}`, `{"i8":"1"}`, `{"i8":true}`, `{"i8":[1]}`,
	`{"Hidden":"x","-":"y","own":"z"}`, `{"any":7}`, `{"ANY":7}`, "{\"f3\u017f2\":1,\"on\u212a\":1}",
	`{"type":"say","text":"a","other":{"text":"b","on":[true,{"i8":1}]},"i8":3}`, "\t{\r\n\"text\" : \"a\" ,\n\"i8\" :\t5 }\n",
	`{"kind":"x","n":5,"tags":["a",null,"b\n"],"at":"2026-01-02T12:00:00Z","to":"me","of":{"a":1},"A":true,"B":false,"S":"s"}`,
	`{"tags":["a","b"],"tags":[null]}`, `{"tags":null}`, `{"tags":[1]}`, `{"at":"noon"}`, `{"to":null}`, `{"of":{"a":1},"of":{"b":2}}`, `{"\u212aind":"x"}`, "{\"\u212aind\":\"x\"}",
	`{"a":true,"A":false}`, `{"b":true}`,
}

// checkFlat compares what the plan does with encoding/json, on whose result it must not depend where it succeeds.
func checkFlat[T any](t *testing.T, text []byte) (decoded bool) {
	t.Helper()
	decode, ok := inspect.Flat(reflect.TypeFor[T]())
	if !ok {
		t.Fatalf("%v has no plan", reflect.TypeFor[T]())
	}
	var flat, want, whole T
	wrong := json.Unmarshal(text, &want)
	if decoded = decode(text, &flat); decoded {
		if wrong != nil {
			t.Fatalf("%s: decoded to %+v, encoding/json has the error %v", text, flat, wrong)
		}
		if !same(flat, want) {
			t.Fatalf("%s: got %+v, encoding/json %+v", text, flat, want)
		}
	}
	err := inspect.DecoderFor(reflect.TypeFor[T]()).Decode(text, &whole)
	if wrong == nil && (err != nil || !same(whole, want)) {
		t.Fatalf("%s: got %+v, %v, encoding/json %+v", text, whole, err, want)
	}
	if plain := inspect.WithoutEscapes(text); wrong != nil && err == nil && (plain == nil || json.Unmarshal(plain, new(T)) != nil) {
		t.Fatalf("%s: got %+v, encoding/json has the error %v", text, whole, wrong)
	}
	return decoded
}

// same is reflect.DeepEqual that tells -0 from 0.
func same(a, b any) bool {
	one, err := json.Marshal(a)
	other, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(one) == string(other) && reflect.DeepEqual(a, b)
}

func TestFlat(t *testing.T) {
	for _, text := range flatTexts {
		checkFlat[scalars](t, []byte(text))
		checkFlat[halfScalars](t, []byte(text))
	}
	for _, text := range []string{
		`{}`, ` { "text" : "hello ä" } `, `{"type":"say","id":7,"text":"a\nb","on":true,"Any":1,"i8":-1,"i64":-2,"u8":3,"u64":4,"f32":1.5,"f64":2.5}`, `{"on":null}`,
	} {
		if !checkFlat[scalars](t, []byte(text)) {
			t.Errorf("%s was left to encoding/json", text)
		}
	}
	if text := `{"kind":"x","n":5,"tags":["a"],"at":"2026-01-02T12:00:00Z","S":"s"}`; !checkFlat[halfScalars](t, []byte(text)) {
		t.Errorf("%s was left to encoding/json", text)
	}
}

// Types of which only encoding/json knows how they are decoded.
func TestNotFlat(t *testing.T) {
	type embedded struct{ A string }
	for _, v := range []any{
		"", 0,
		[]string{},
		map[string]int{},
		&scalars{},
		time.Time{},
		verbatim(""),
		struct{}{},
		struct{ embedded }{},
		struct {
			A int `json:",string"`
		}{},
		struct {
			A int `json:"a,case:strict"`
		}{},
		struct {
			A string `json:"ä"`
		}{},
		struct{ Ä string }{},
		struct{ Ab, AB string }{},
		struct {
			A, B []string
			C    string
		}{},
	} {
		if _, ok := inspect.Flat(reflect.TypeOf(v)); ok {
			t.Errorf("%T is decoded without encoding/json", v)
		}
	}
}

func FuzzFlat(f *testing.F) {
	for _, text := range flatTexts {
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"text":"` + strings.Repeat("x", 100) + `"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if json.Valid(text) {
			checkFlat[scalars](t, text)
			checkFlat[halfScalars](t, text)
		}
	})
}
