package envelope_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wsgate/wsgate/internal/envelope"
)

// anatomy is what encoding/json knows of a text that it accepts.
type anatomy struct {
	object    bool
	depth     int
	duplicate bool
}

// dissect finds the anatomy of a valid text.
func dissect(text []byte) (a anatomy, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	type level struct {
		keys map[string]bool // nil in an array
		key  bool            // a key comes next
	}
	var levels []level
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return a, nil
		}
		if err != nil {
			return a, err
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			levels = levels[:len(levels)-1]
			continue
		}
		if n := len(levels); n > 0 && levels[n-1].keys != nil {
			top := &levels[n-1]
			if top.key {
				key := token.(string)
				a.duplicate = a.duplicate || top.keys[key]
				top.keys[key] = true
			}
			if top.key = !top.key; !top.key {
				continue
			}
		}
		switch token {
		case json.Delim('{'):
			a.object = a.object || len(levels) == 0
			levels = append(levels, level{map[string]bool{}, true})
		case json.Delim('['):
			levels = append(levels, level{})
		}
		a.depth = max(a.depth, len(levels))
	}
}

// check compares scan with encoding/json, which has the last word on what JSON is.
func check(t *testing.T, text []byte) {
	t.Helper()
	members := map[string]string{}
	err := envelope.Scan(text, func(key, value []byte) { members[string(key)] = string(value) })
	if !json.Valid(text) {
		if err == nil {
			t.Errorf("accepted %q, which is no JSON", text)
		}
		return
	}
	a, dissected := dissect(text)
	if dissected != nil {
		t.Fatalf("%q is valid, but: %v", text, dissected)
	}
	bad := !a.object || a.depth > envelope.MaxDepth || a.duplicate
	if err != nil {
		if !bad {
			t.Errorf("refused %q: %v", text, err)
		}
		return
	}
	if !utf8.Valid(text) {
		return // encoding/json replaces what is not UTF-8, and finds duplicates then; messages are UTF-8 always
	}
	if bad {
		t.Errorf("accepted %q: %+v", text, a)
	}
	var want map[string]json.RawMessage
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if len(members) != len(want) {
		t.Errorf("%q: got members %q, want %q", text, members, want)
	}
	for key, value := range want {
		if members[key] != string(value) {
			t.Errorf("%q: member %q is %q, want %q", text, key, members[key], value)
		}
	}
}

var texts = []string{
	"", " ", "{}", "[]", "null", "true", "1", `"x"`, "{}{}", "{} {}", "{}x", "x", "\ufeff{}", "{", "}", "[", "]", `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`,
	`{"a":1}`, ` { "a" : 1 , "b" : [ true , false , null ] } `, "\t\r\n{\t\"a\"\r:\n1}\n", "{\"a\":1}\x00", "\x00", "{\"a\":\"\x00\"}", "{\"a\v\":1}",
	`{"a":{"b":1},"b":2}`, `{"a":[{"b":1}],"c":{"b":1},"b":2}`, "{\"a\":\"\x1f\"}", "{\"a\x1f\":1}",
	`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":{"b":1,"b":1}}`, `{"a":[{"b":1},{"b":1}]}`, `{"a":{"a":{"a":1}},"b":{"a":1}}`, `{"":1,"":2}`, `{"A":1,"a":2}`,
	`{"\ud800":1,"\ufffd":2}`, `{"\ud83d\ude00":1,"😀":2}`, `{"\u00e4":1,"ä":2}`, `{"\/":1,"/":2}`,
	`{"a":0}`, `{"a":-0}`, `{"a":00}`, `{"a":01}`, `{"a":-}`, `{"a":-01}`, `{"a":1.}`, `{"a":.1}`, `{"a":1.0}`, `{"a":1e1}`, `{"a":1E+1}`, `{"a":1e-1}`, `{"a":1e}`, `{"a":1e+}`, `{"a":0e0}`,
	`{"a":1e400}`, `{"a":+1}`, `{"a":0x1}`, `{"a":1_0}`, `{"a":NaN}`, `{"a":Infinity}`, `{"a":1 2}`, `{"a":1"b":2}`, `{"a":tru}`, `{"a":truex}`, `{"a":nulll}`, `{"a":True}`,
	`{"a":"\b\f\n\r\t\"\\\/\u1234\uABCD\uabcd"}`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\u12G4"}`, `{"a":"\u123`, `{"a":"\`, `{"a":"\"}`, "{\"a\":\"\n\"}", "{\"a\":\"\x7f\"}", "{\"a\":\"\xff\"}",
	`{a:1}`, `{'a':1}`, `{1:1}`, `{null:1}`, `{"a";1}`, `{"a":1;"b":2}`, `{"a":[1,]}`, `{"a":[,1]}`, `{"a":[1 2]}`, `{"a":[}`, `{"a":]}`, `[}`, `{]`, `{"a":[1}`, `{,}`, `{"a":1,,"b":2}`, `/**/{}`, `{}//`,
}

func TestScanAgreesWithEncodingJSON(t *testing.T) {
	for _, text := range texts {
		check(t, []byte(text))
	}
	for n := 62; n <= 68; n++ { // depths around the limit
		check(t, []byte(strings.Repeat(`{"a":`, n)+"1"+strings.Repeat("}", n)))
		check(t, []byte(`{"a":`+strings.Repeat("[", n)+strings.Repeat("]", n)+"}"))
		check(t, []byte(`{"a":`+strings.Repeat(`[{"b":`, n/2)+`""`+strings.Repeat("}]", n/2)+"}"))
		check(t, []byte(`{"a":`+strings.Repeat("[", n)+strings.Repeat("]", n)))
	}
	for n := 1; n <= 40; n++ { // numbers of keys around where the way of comparing changes
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":{"k0":%d}`, i, i)
		}
		check(t, []byte("{"+b.String()[1:]+"}"))
		for _, i := range []int{0, n / 2, n - 1} {
			check(t, []byte("{"+b.String()[1:]+fmt.Sprintf(`,"k%d":0}`, i)))
			check(t, []byte(fmt.Sprintf(`{"k%d":0`, i)+b.String()+"}"))
		}
	}
}

// Every prefix of a text, and the text with any one byte left out or changed.
func TestScanOfDamagedTexts(t *testing.T) {
	const whole = ` {"type":"say","id":-1.5e+3,"data":[{"a":"\u00e4\n"},true,null,[]],"x":{}} `
	check(t, []byte(whole))
	for i := range len(whole) {
		check(t, []byte(whole[:i]))
		check(t, []byte(whole[:i]+whole[i+1:]))
		for _, c := range []byte("\x00 \"\\{}[],:01-+.eEtfnu\x80") {
			check(t, []byte(whole[:i]+string(c)+whole[i+1:]))
			check(t, []byte(whole[:i]+string(c)+whole[i:]))
		}
	}
}

func TestScanErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"hello", "Invalid JSON"},
		{"12 monkeys", "Invalid JSON"},
		{"{}x", "Invalid JSON"},
		{"null", "message is not a JSON object"},
		{" [1] ", "message is not a JSON object"},
		{`{"a":1,"a":1}`, "JSON has an object with a duplicate key"},
		{`{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + "}", "JSON is nested deeper than 64 levels"},
	} {
		if err := envelope.Scan([]byte(test.text), func(_, _ []byte) {}); err == nil || err.Error() != test.want {
			t.Errorf("%.40q: got %v, want %s", test.text, err, test.want)
		}
	}
}

// A scan must not remember the one before, whose scanner it may have got.
func TestScansAreIndependent(t *testing.T) {
	for range 100 {
		for _, text := range []string{`{"a":1,"b":`, `{"a":1}`, `{"a":1,"a":1}`, `{"b":1}`, `{"a":{"a":{"a":`, `{"a":{"a":1}}`} {
			check(t, []byte(text))
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Add([]byte(strings.Repeat(`{"a":[`, 33)))
	f.Add([]byte(`{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + "}"))
	f.Fuzz(check)
}
