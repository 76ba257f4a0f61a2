package contract_test

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"time"

	"github.com/wsgate/wsgate/contract"
)

// Types of the kinds that encoding/json treats differently.
type (
	Line struct {
		From string    `json:"from"`
		At   time.Time `json:"at"`
	}
	Page[T any] struct {
		Items []T `json:"items"`
		Next  *T  `json:"next,omitempty"`
	}
	Bytes   []byte
	Name    string
	Count   int
	Lines   []Line
	Index   map[string]*Line
	ByCount map[Count]Line
	Pair    [2]Line
	Tree    []Tree
	Forest  map[string]Forest
	Node    struct {
		Value    int16
		Next     *Node            `json:"next"`
		Children []Node           `json:"children,omitempty"`
		ByName   map[string]*Node `json:"byName"`
	}
	Color string
	Level int8

	Inner struct {
		A int32
		B string `json:"b"`
	}
	Other struct {
		A int32  `json:"A"`
		C string `json:"c,omitempty"`
	}
	Embeds struct {
		Inner
		D bool
	}
	EmbedsPointer struct {
		*Inner
		D bool `json:"d"`
	}
	TagWins struct { // A is that of Other, which has a tag
		Inner
		Other
	}
	Ambiguous struct { // has no A
		Inner
		Embedded3
	}
	Embedded3 struct {
		A float32
	}
	Named struct {
		Inner `json:"inner"`
		Name
		//lint:ignore U1000 encoding/json does not see it
		unexported int
	}
	Hides struct {
		Embeds
		A string
	}
	Renamed Line // without the methods and with the fields
	Empty   struct{}
	Zeroes  struct {
		T time.Time  `json:"t,omitzero"`
		S []int8     `json:"s,omitzero"`
		P *string    `json:"p,omitzero"`
		Z Sometimes  `json:"z,omitzero"`
		Y *[]int8    `json:"y,omitempty"`
		E [0]int8    `json:"e,omitempty"`
		M Index      `json:"m,omitempty"`
		I any        `json:"i,omitempty"`
		N *Inner     `json:"n,omitempty"`
		L *Lines     `json:"l"`
		G *Color     `json:"g"`
		H netip.Addr `json:"h"`
	}
	Quoted struct {
		A int64   `json:"a,string"`
		B *bool   `json:"b,string"`
		C float64 `json:"c,string,omitempty"`
		//lint:ignore SA5008 the option does nothing here
		D []int16 `json:"d,string"`
		E Color   `json:"e,string"`
		//lint:ignore SA5008 the option does nothing here
		F Text   `json:"f,string"`
		G string `json:"g,string"`
	}
	Tagged struct {
		Any   any    `json:"any" description:"anything"`
		Inner *Inner `json:"inner" description:"a comment beside a reference"`
		Same  Inner  `json:"same" description:"another"`
		//lint:ignore SA5008 a name, and not the word for a field that is left out
		Dash int32 `json:"-,"`
		Not  int32 `json:"-"`
	}
)

func (Color) Enum() []any { return []any{"red", "green"} }
func (Level) Enum() []any { return []any{1, 2, 3} }

// Sometimes is zero when it says so.
type Sometimes []int8

func (s Sometimes) IsZero() bool { return len(s) == 1 }

// Text encodes itself as a string.
type Text struct{ Of string }

func (t Text) MarshalText() ([]byte, error)     { return []byte(t.Of), nil }
func (t *Text) UnmarshalText(text []byte) error { t.Of = string(text); return nil }

// PointerText does so only where its address can be taken.
type PointerText struct{ Of string }

func (t *PointerText) MarshalText() ([]byte, error)    { return []byte(t.Of), nil }
func (t *PointerText) UnmarshalText(text []byte) error { t.Of = string(text); return nil }

// OnlyOut encodes itself, and is decoded as any struct.
type OnlyOut struct {
	N int16 `json:"n"`
}

func (o OnlyOut) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]int16{"n": o.N}) }

// OnlyIn decodes itself from a string, and is encoded as any struct.
type OnlyIn struct {
	N int16 `json:"n"`
}

func (o *OnlyIn) UnmarshalText(text []byte) error {
	o.N = int16(len(text))
	return nil
}

// Both is an object in one direction and a string in the other.
type Both struct {
	In  OnlyIn  `json:"in"`
	Out OnlyOut `json:"out"`
}

// Own may be anything.
type Own struct{ Of []int8 }

func (o Own) MarshalJSON() ([]byte, error) { return json.Marshal(o.Of) }
func (o *Own) UnmarshalJSON([]byte) error  { o.Of = []int8{1}; return nil }

// TextBytes is a list of bytes that are strings each, so that it is no base64.
type TextBytes []TextByte

type TextByte byte

func (b TextByte) MarshalText() ([]byte, error) { return []byte{'0' + byte(b)%10}, nil }
func (b *TextByte) UnmarshalText(text []byte) error {
	*b = TextByte(len(text))
	return nil
}

// leaves are the types of which random types are made.
var leaves = []reflect.Type{
	reflect.TypeFor[bool](), reflect.TypeFor[string](), reflect.TypeFor[float32](), reflect.TypeFor[float64](),
	reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[int16](), reflect.TypeFor[int32](), reflect.TypeFor[int64](),
	reflect.TypeFor[uint](), reflect.TypeFor[uint8](), reflect.TypeFor[uint16](), reflect.TypeFor[uint32](), reflect.TypeFor[uint64](),
	reflect.TypeFor[uintptr](), reflect.TypeFor[[]byte](), reflect.TypeFor[[4]byte](), reflect.TypeFor[time.Time](),
	reflect.TypeFor[time.Duration](), reflect.TypeFor[json.RawMessage](), reflect.TypeFor[json.Number](), reflect.TypeFor[any](),
	reflect.TypeFor[netip.Addr](), reflect.TypeFor[Line](), reflect.TypeFor[contract.Line](), reflect.TypeFor[Page[Line]](),
	reflect.TypeFor[Page[contract.Line]](), reflect.TypeFor[Page[[]map[string]int8]](), reflect.TypeFor[Bytes](), reflect.TypeFor[Name](),
	reflect.TypeFor[Count](), reflect.TypeFor[Lines](), reflect.TypeFor[Index](), reflect.TypeFor[ByCount](), reflect.TypeFor[Pair](),
	reflect.TypeFor[Tree](), reflect.TypeFor[Forest](), reflect.TypeFor[Node](), reflect.TypeFor[Color](), reflect.TypeFor[Level](),
	reflect.TypeFor[Inner](), reflect.TypeFor[Embeds](), reflect.TypeFor[EmbedsPointer](), reflect.TypeFor[TagWins](),
	reflect.TypeFor[Ambiguous](), reflect.TypeFor[Named](), reflect.TypeFor[Hides](), reflect.TypeFor[Renamed](), reflect.TypeFor[Empty](),
	reflect.TypeFor[Zeroes](), reflect.TypeFor[Quoted](), reflect.TypeFor[Tagged](), reflect.TypeFor[Text](),
	reflect.TypeFor[PointerText](), reflect.TypeFor[OnlyOut](), reflect.TypeFor[OnlyIn](), reflect.TypeFor[Both](), reflect.TypeFor[Own](),
	reflect.TypeFor[TextBytes](), reflect.TypeFor[struct {
		A struct{ B []int8 }
	}](),
}

// keys are the types of keys of maps.
var keys = []reflect.Type{
	reflect.TypeFor[string](), reflect.TypeFor[int](), reflect.TypeFor[uint8](), reflect.TypeFor[Name](), reflect.TypeFor[Text](),
}

// fieldNames are the names in tags, "" for none.
var fieldNames = []string{"", "a", "b_c", "größe", "with space", "$ref", "-", "type", "__proto__", "<script>", "世界"}
