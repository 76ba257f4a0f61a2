package inspect_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/inspect"
)

var (
	errOwn     = errors.New("the type's own error")
	errUnknown = errors.New("what encoding/json said")
)

type (
	leaf struct {
		Street string `json:"street"`
		No     int
	}
	// aliased decodes its parts with encoding/json, as many types do to set defaults.
	aliased struct {
		Leaf  leaf
		N     int
		Own   ownDecoder
		Plain leaf
		Leafs []leaf
	}
	// otherJSON decodes something that its fields do not show.
	otherJSON struct{ N int }
	// word is a number that clients know by a name.
	word       int
	ownDecoder struct{}
	textOnly   struct{}
	noNull     struct{}
	octet      byte
	pair       [2]int
	tree       struct {
		Name string
		Kids []*tree
		Map  map[string]*tree
	}
	// chain decodes itself inside of itself.
	chain struct {
		Next *chain
		N    int
	}
	Shared     struct{ Deep, Hidden int }
	unexported struct{ FromHidden int }
	Tagged     struct {
		Chosen string `json:"Pick"`
	}
	Untagged struct{ Pick int }
	Twice    struct{ Same int }
	AlsoSame struct{ Same int }
)

func (a *aliased) UnmarshalJSON(text []byte) error {
	type alias aliased
	return json.Unmarshal(text, (*alias)(a))
}

func (c *chain) UnmarshalJSON(text []byte) error {
	type alias chain
	return json.Unmarshal(text, (*alias)(c))
}

func (o *otherJSON) UnmarshalJSON(text []byte) error {
	var parts []string
	if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	o.N = len(parts)
	return nil
}

func (w *word) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	return (*textOnly)(nil).UnmarshalText([]byte(s))
}

func (o *ownDecoder) UnmarshalJSON(text []byte) error {
	if string(text) == `"ok"` || string(text) == "null" {
		return nil
	}
	return errOwn
}

func (*textOnly) UnmarshalText(text []byte) error {
	if string(text) == "ok" {
		return nil
	}
	return errOwn
}

func (noNull) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return errOwn
	}
	return nil
}

// all has every kind of type that a payload can have.
type all struct {
	*Shared
	unexported
	Twice
	AlsoSame
	Untagged
	Tagged
	Hidden  string // hides that of Shared
	String  string `json:"s"`
	Int     int    `json:"n"`
	Int8    int8
	Uint    uint
	Uint8   uint8
	F64     float64
	F32     float32
	Bool    bool
	Struct  leaf
	Ptr     *leaf
	PP      **int
	Slice   []string
	Structs []leaf
	Grid    [][]int
	Pair    pair
	Bytes   []byte
	Bytes3  [3]byte
	Named   []octet
	Map     map[string]int
	Structm map[string]leaf
	Intm    map[int]string
	Uint8m  map[uint8]string
	Textm   map[textOnly]string
	Wordm   map[word]string
	Any     any
	Iface   interface{ Read() string }
	Raw     json.RawMessage
	Num     json.Number
	NumPtr  *json.Number
	Time    time.Time
	TimePtr *time.Time
	Dur     time.Duration
	Addr    netip.Addr
	Own     ownDecoder
	OwnPtr  *ownDecoder
	Owns    []ownDecoder
	Text    textOnly
	TextPtr *textOnly
	NoNull  noNull
	NoNullP *noNull
	Word    word
	Aliased aliased
	Alias2  map[string][]aliased
	Other   otherJSON
	Chain   chain
	Tree    *tree
	QInt    int    `json:",string"`
	QPtr    *int   `json:",string"`
	QString string `json:",string"`
	QBool   bool   `json:",string"`
	//lint:ignore SA5008 the option does nothing here
	QSlice []string `json:",string"`
	QWord  word     `json:",string"`
	Dotted leaf     `json:"a.b c"`
	Empty  int      `json:"-"`
	Upper  int      `json:"CASE"`
	Lower  string   `json:"case"`
}

// mismatches says of every kind of wrong value where it is and what is wrong, in the same words in every release of Go.
var mismatches = []struct{ text, want string }{
	// Kinds.
	{`{"s":5}`, "s is a number, want a string"},
	{`{"s":true}`, "s is a bool, want a string"},
	{`{"s":{}}`, "s is an object, want a string"},
	{`{"s":["x"]}`, "s is an array, want a string"},
	{`{"s":null,"n":null,"Struct":null,"Slice":null,"Map":null,"Pair":null,"Any":null,"Iface":null,"Time":null,"Num":null,"Own":null}`, ""},
	{`{"n":"5"}`, "n is a string, want a number"},
	{`{"Bool":1}`, "Bool is a number, want a bool"},
	{`{"Bool":"true"}`, "Bool is a string, want a bool"},
	{`{"Slice":"x"}`, "Slice is a string, want an array"},
	{`{"Pair":{}}`, "Pair is an object, want an array"},
	{`{"Struct":"x"}`, "Struct is a string, want an object"},
	{`{"Ptr":1}`, "Ptr is a number, want an object"},
	{`{"PP":"x"}`, "PP is a string, want a number"},
	{`{"Map":[]}`, "Map is an array, want an object"},
	{`{"Dur":"5s"}`, "Dur is a string, want a number"},
	{`{"Any":[{"a":"b"}],"Raw":{"x":[1]}}`, ""},
	{`{"Iface":5}`, "Iface does not decode"},
	{`[]`, "it is an array, want an object"},
	{`"x"`, "it is a string, want an object"},

	// Numbers.
	{`{"n":1.5}`, "n has to be a whole number"},
	{`{"n":1e3}`, "n has to be a whole number"},
	{`{"Int8":128}`, "Int8 is out of range"},
	{`{"Int8":-128}`, ""},
	{`{"Uint":-1}`, "Uint is out of range"},
	{`{"n":9223372036854775808}`, "n is out of range"},
	{`{"n":-0}`, ""},
	{`{"F64":1e400}`, "F64 is out of range"},
	{`{"F32":1e39}`, "F32 is out of range"},
	{`{"F64":1e39,"F32":1e-400}`, ""},
	{`{"Any":{"a":[1,1e400]}}`, ""},
	{`{"Num":12345678901234567890e999}`, ""},
	{`{"Num":"1.5"}`, ""},
	{`{"Num":"x"}`, "Num is a string, want a number"},
	{`{"Num":true}`, "Num is a bool, want a number"},
	{`{"NumPtr":[]}`, "NumPtr is an array, want a number"},

	// Paths.
	{`{"Struct":{"street":5}}`, "Struct.street is a number, want a string"},
	{`{"Structs":[{"street":"a"},{"street":5}]}`, "Structs[1].street is a number, want a string"},
	{`{"Grid":[[],[1,2,"x"]]}`, "Grid[1][2] is a string, want a number"},
	{`{"Pair":[1,2,"x"]}`, ""}, // what does not fit into an array is not looked at
	{`{"Map":{"x":"y"}}`, "Map.x is a string, want a number"},
	{`{"Structm":{"a.b":{"No":"x"}}}`, "Structm['a.b'].No is a string, want a number"},
	{`{"Structm":{"":[]}}`, "Structm[''] is an array, want an object"},
	{`{"Structm":{"1":[]}}`, "Structm['1'] is an array, want an object"},
	{`{"Structm":{"it's \\\n\u0001":[]}}`, `Structm['it\'s \\\n\u0001'] is an array, want an object`},
	{`{"Structm":{"\u00e4\u006e":[]}}`, "Structm.än is an array, want an object"},
	{`{"Structm":{"a-b":[]}}`, "Structm['a-b'] is an array, want an object"},
	{`{"Structm":{"` + strings.Repeat("ä", 70) + `":[]}}`, "Structm." + strings.Repeat("ä", 64) + "… is an array, want an object"},
	{`{"a.b c":{"street":5}}`, "['a.b c'].street is a number, want a string"},
	{`{"Tree":{"Kids":[{"Name":"a"},{"Map":{"k":{"Name":{}}}}]}}`, "Tree.Kids[1].Map.k.Name is an object, want a string"},
	{`[{"n":"x"}]`, "it is an array, want an object"},

	// Names of fields: as the client spells them, whatever the struct's are, and no trace of what is embedded.
	{`{"S":5}`, "S is a number, want a string"},
	{`{"STRUCT":{"Street":5}}`, "STRUCT.Street is a number, want a string"},
	{`{"Deep":"x"}`, "Deep is a string, want a number"},
	{`{"FromHidden":"x"}`, "FromHidden is a string, want a number"},
	{`{"Hidden":5}`, "Hidden is a number, want a string"},
	{`{"Pick":5}`, "Pick is a number, want a string"},
	{`{"CASE":"x"}`, "CASE is a string, want a number"},
	{`{"case":5}`, "case is a number, want a string"},
	{`{"Case":"x"}`, "Case is a string, want a number"},
	{`{"Same":"x","-":"x","Empty":"x","Shared":5,"unknown":[1,{"a":"}]\""}]}`, ""},

	// Strings that say something.
	{`{"Bytes":5}`, "Bytes is a number, want a string"},
	{`{"Bytes":"%%%"}`, "Bytes is not base64"},
	{`{"Bytes":[1,2]}`, ""},
	{`{"Bytes":[1,300]}`, "Bytes[1] is out of range"},
	{`{"Named":"AQ"}`, "Named is not base64"},
	{`{"Named":"AQ=="}`, ""},
	{`{"Bytes3":"AQID"}`, "Bytes3 is a string, want an array"},
	{`{"Time":5}`, "Time is a number, want a string"},
	{`{"Time":"yesterday"}`, "Time is not an RFC 3339 time"},
	{`{"Time":"2026-01-02T03:04:05.678+01:00"}`, ""},
	{`{"TimePtr":{}}`, "TimePtr is an object, want a string"},
	{`{"Addr":5}`, "Addr is a number, want a string"},
	{`{"Addr":"nowhere"}`, "Addr does not decode"},
	{`{"Text":5}`, "Text is a number, want a string"},
	{`{"Text":"x"}`, "Text does not decode: the type's own error"},
	{`{"TextPtr":{}}`, "TextPtr is an object, want a string"},

	// Keys.
	{`{"Intm":{"1":"a","x":"y"}}`, "Intm.x is under a key that does not decode"},
	{`{"Intm":{"1.5":"y"}}`, "Intm['1.5'] is under a key that does not decode"},
	{`{"Uint8m":{"300":"y"}}`, "Uint8m['300'] is under a key that does not decode"},
	{`{"Textm":{"ok":"y"}}`, ""},
	{`{"Textm":{"x":"y"}}`, "Textm.x is under a key that does not decode"},
	{`{"Intm":{"1":5}}`, "Intm['1'] is a number, want a string"},

	// The option "string".
	{`{"QInt":5}`, "QInt has to be a string with a number in it"},
	{`{"QInt":"x"}`, "QInt has to be a string with a number in it"},
	{`{"QInt":"5","QPtr":"-5","QBool":"true","QString":"\"x\"","QSlice":["x"]}`, ""},
	{`{"QInt":null,"QPtr":null,"QString":null}`, ""},
	{`{"QInt":"null"}`, ""},
	{`{"QPtr":[]}`, "QPtr has to be a string with a number in it"},
	{`{"QString":"x"}`, "QString has to be a string with a string in it"},
	{`{"QBool":"yes"}`, "QBool has to be a string with a bool in it"},
	{`{"QSlice":[5]}`, "QSlice[0] is a number, want a string"},

	{`{"QWord":5}`, "QWord is a number, want a string"},
	{`{"QWord":"x"}`, "QWord does not decode: the type's own error"},

	// Types that decode themselves.
	{`{"Own":"x"}`, "Own does not decode: the type's own error"},
	{`{"Own":{"a":[1]}}`, "Own does not decode: the type's own error"},
	{`{"Owns":["ok","x"]}`, "Owns[1] does not decode: the type's own error"},
	{`{"OwnPtr":null,"Own":"ok"}`, ""},
	{`{"NoNull":null}`, "NoNull does not decode: the type's own error"},
	{`{"NoNullP":null}`, ""},
	{`{"Word":5}`, "Word is a number, want a string"},
	{`{"Word":"x"}`, "Word does not decode: the type's own error"},
	{`{"Word":["x"]}`, "Word does not decode"},
	{`{"Other":["a"]}`, ""},
	{`{"Other":{"N":"x"}}`, "Other does not decode"},
	{`{"Aliased":5}`, "Aliased is a number, want an object"},
	{`{"Aliased":{"N":"x"}}`, "Aliased.N is a string, want a number"},
	{`{"Aliased":{"leaf":{"No":1.5}}}`, "Aliased.leaf.No has to be a whole number"},
	{`{"Aliased":{"Own":"x"}}`, "Aliased.Own does not decode: the type's own error"},
	{`{"Aliased":{"Leafs":[{},5]}}`, "Aliased.Leafs[1] is a number, want an object"},
	{`{"Alias2":{"a":[{},{"Leaf":{"street":5}}]}}`, "Alias2.a[1].Leaf.street is a number, want a string"},
	{`{"Chain":{"Next":{"Next":{"N":"x"}}}}`, "Chain.Next.Next.N is a string, want a number"},
	{`{"Chain":{"Next":{"Next":{"Next":{"Next":{"Next":{"N":"x"}}}}}}}`, "Chain does not decode"}, // who looks that deep pays for it

	// Of several that are wrong it is the first, whatever is wrong with them.
	{`{"n":"x","Own":"x"}`, "n is a string, want a number"},
	{`{"Own":"x","n":"x"}`, "Own does not decode: the type's own error"},
	{`{"n":"x","Bytes":"%","Time":"x","QInt":5,"Num":"x","Intm":{"x":""}}`, "n is a string, want a number"},
	{`{"Intm":{"x":""},"n":"x"}`, "Intm.x is under a key that does not decode"},
	{`{"Aliased":{"N":"x","Own":"x"},"n":"x"}`, "Aliased.N is a string, want a number"},
	{`{"Aliased":{"Own":"x","N":"x"},"n":"x"}`, "Aliased.Own does not decode: the type's own error"},
	{" {\t\"n\" :\r\n \"x\" } ", "n is a string, want a number"},
}

// explain returns what is wrong with a text, "" if nothing is. err is what encoding/json says.
func explain(text string, v any) (problem string, err error) {
	err = inspect.DecoderFor(reflect.TypeOf(v).Elem()).Unmarshal([]byte(text), v)
	m := inspect.Explain([]byte(text), v, errUnknown)
	switch {
	case errors.Is(m, errUnknown):
		return "", err
	case errors.Is(m, errOwn):
		return m.Error(), err
	}
	return strings.TrimPrefix((&inspect.Mismatch{Path: m.Path, Problem: m.Problem}).Error(), " "), err
}

func TestMismatch(t *testing.T) {
	for _, test := range mismatches {
		got, err := explain(test.text, new(all))
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.text, got, test.want)
		}
		if (err != nil) != (test.want != "") {
			t.Errorf("%s: encoding/json says %v, want %q", test.text, err, test.want)
		}
	}
}

// A mismatch is found in what encoding/json refuses and in nothing else. Without escapes a text says the same.
func FuzzMismatch(f *testing.F) {
	for _, test := range mismatches {
		f.Add([]byte(test.text))
	}
	for _, text := range []string{`["\\","\u0041\\u0042","\/\u005C\u0022\u007f\ud83d\ude00"]`} {
		f.Add([]byte(text))
	}
	types := []reflect.Type{reflect.TypeFor[all](), reflect.TypeFor[map[string]all](), reflect.TypeFor[[]any](), reflect.TypeFor[tree](), reflect.TypeFor[leaf]()}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			t.Skip()
		}
		for _, typ := range types {
			if problem, err := explain(string(text), reflect.New(typ).Interface()); (err != nil) != (problem != "") {
				t.Errorf("%s into %v: got %q, and encoding/json says %v", text, typ, problem, err)
			}
		}
		if plain := inspect.WithoutEscapes(text); plain != nil {
			var want, got any
			wrong, err := json.Unmarshal(text, &want), json.Unmarshal(plain, &got)
			if (wrong == nil) != (err == nil) || !reflect.DeepEqual(got, want) || inspect.WithoutEscapes(plain) != nil {
				t.Errorf("%s: got %s", text, plain)
			}
		}
	})
}
