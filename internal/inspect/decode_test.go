package inspect_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/inspect"
)

// verbatim is what stands in the text, if that is a string without escapes.
type verbatim string

func (v *verbatim) UnmarshalJSON(text []byte) error {
	for _, c := range text {
		if c == '\\' {
			return errOwn
		}
	}
	*v = verbatim(text[1 : len(text)-1])
	return nil
}

// appended keeps what was there.
type appended []string

func (a *appended) UnmarshalJSON(text []byte) error {
	*a = append(*a, string(text))
	return nil
}

// A string is the same with and without escapes that it does not need. Not every method that decodes one knows.
func TestDecode(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		text string
		want any
		err  string
	}{
		{`"2026-01-02T12:00:00Z"`, noon, ""},
		{`"\u0032026-01-02T12:00:00\u005A"`, noon, ""},
		{`["2026-01-02T12:00:00Z","\u0032026-01-02T12:00:00\u005a"]`, []time.Time{noon, noon}, ""},
		{`"\u0032026"`, time.Time{}, "it is not an RFC 3339 time"},
		{`["\/\u002fa\u002Bb\u0020","x"]`, []verbatim{"//a+b ", "x"}, ""},
		{`"\\u0041"`, verbatim(""), "it does not decode: the type's own error"},
		{`"\u0022"`, verbatim(""), "it does not decode: the type's own error"},
		{`"\u005c"`, verbatim(""), "it does not decode: the type's own error"},
		{`"\u00e9\u2028"`, verbatim(""), "it does not decode: the type's own error"},
		{`"\n"`, verbatim(""), "it does not decode: the type's own error"},
		{`{"V":"\u0041","S":"\\\u0042\/\"\u00e9","R":[ 1 ]}`, struct {
			V verbatim
			S string
			R json.RawMessage
		}{"A", `\B/"é`, json.RawMessage(`[ 1 ]`)}, ""},
		{`{"A":1,"V":"\u0041"}`, struct {
			A appended
			V verbatim
		}{appended{"1"}, "A"}, ""},
		{`{"N":["x"],"V":"\u0041"}`, struct {
			V verbatim
			N []int
		}{"A", []int{0}}, "N[0] is a string, want a number"},
	} {
		got := reflect.New(reflect.TypeOf(test.want))
		err := inspect.DecoderFor(got.Type().Elem()).Decode([]byte(test.text), got.Interface())
		if test.err != "" {
			if err == nil || err.Error() != test.err {
				t.Errorf("%s: got error %v, want %s", test.text, err, test.err)
			}
		} else if err != nil || !reflect.DeepEqual(got.Elem().Interface(), test.want) {
			t.Errorf("%s: got %v, %v, want %v", test.text, got.Elem(), err, test.want)
		}
	}
}
