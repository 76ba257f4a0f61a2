package inspect_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/inspect"
)

type (
	object   struct{ A int }
	writesTo struct{ A int }
	readsOf  struct{ A int }
	similar  struct{ A int }
	ownJSON  struct{ A int }
	ownText  struct{ A int }
	readOnly struct{ A int }
	embeds   struct{ time.Time }
	named    map[string]int
	text     string
)

// Encoder and Decoder stand for those of encoding/json/jsontext, which not every release of Go has.
type (
	Encoder struct{}
	Decoder struct{}
)

func (writesTo) MarshalJSONTo(*Encoder) error     { return nil }
func (*readsOf) UnmarshalJSONFrom(*Decoder) error { return nil }
func (similar) MarshalJSONTo(io.Writer) error     { return nil }
func (*similar) UnmarshalJSONFrom(*Decoder)       {}

func (ownJSON) MarshalJSON() ([]byte, error) { return nil, nil }
func (ownText) MarshalText() ([]byte, error) { return nil, nil }
func (*readOnly) UnmarshalJSON([]byte) error { return nil }
func (named) Len() int                       { return 0 }

func TestShapeOf(t *testing.T) {
	for _, test := range []struct {
		t    reflect.Type
		want inspect.Shape
	}{
		{reflect.TypeFor[object](), inspect.Object},
		{reflect.TypeFor[*object](), inspect.Object},
		{reflect.TypeFor[**object](), inspect.Object},
		{reflect.TypeFor[struct{}](), inspect.Object},
		{reflect.TypeFor[map[string]int](), inspect.Map},
		{reflect.TypeFor[*map[int]any](), inspect.Map},
		{reflect.TypeFor[named](), inspect.Map},
		{reflect.TypeFor[ownJSON](), inspect.Value},
		{reflect.TypeFor[*ownJSON](), inspect.Value},
		{reflect.TypeFor[**ownJSON](), inspect.Value},
		{reflect.TypeFor[ownText](), inspect.Value},
		{reflect.TypeFor[readOnly](), inspect.Value},
		{reflect.TypeFor[*readOnly](), inspect.Value},
		{reflect.TypeFor[writesTo](), inspect.Value},
		{reflect.TypeFor[*readsOf](), inspect.Value},
		{reflect.TypeFor[similar](), inspect.Object},
		{reflect.TypeFor[embeds](), inspect.Value},
		{reflect.TypeFor[time.Time](), inspect.Value},
		{reflect.TypeFor[json.RawMessage](), inspect.Value},
		{reflect.TypeFor[any](), inspect.Value},
		{reflect.TypeFor[error](), inspect.Value},
		{reflect.TypeFor[string](), inspect.Value},
		{reflect.TypeFor[*int](), inspect.Value},
		{reflect.TypeFor[[]object](), inspect.Value},
		{reflect.TypeFor[[2]int](), inspect.Value},
		{reflect.TypeFor[bool](), inspect.Value},
	} {
		if got := inspect.ShapeOf(test.t); got != test.want {
			t.Errorf("%v: got %v, want %v", test.t, got, test.want)
		}
	}
}

type (
	plain struct {
		A int
		B int `json:"b"`
		C int `json:",omitempty"`
		D int `json:"-"`
		//lint:ignore SA5008 the name is "-"
		E int `json:"-,"`
		f int
		G int `json:"g,omitzero"`
		H any `xml:"x"`
	}
	Outer struct {
		Inner
		*Pointed
		hidden
		Named `json:"named"`
		text
		Text
		X int
	}
	Inner   struct{ InnerA, X int }
	Pointed struct {
		PointedA int
		Inner    `json:"again"`
	}
	hidden struct{ HiddenA int }
	tagged struct {
		hidden `json:"type"` // is not exported, and written all the same
		text   `json:"text"` // is not
	}
	Named struct{ NamedA int }
	Text  string
	Loop  struct {
		*Loop
		Back  *Loop
		LoopA int
	}
	Both struct {
		Inner
		Other
	}
	Other struct{ OtherA, InnerA int } // InnerA is in two: encoding/json leaves both out
)

// The names are those that encoding/json writes.
func TestFieldNames(t *testing.T) {
	_, _, _ = plain{}.f, Outer{}.text, tagged{}.text
	for _, v := range []any{plain{C: 1, G: 1}, &plain{C: 1, G: 1}, Outer{Pointed: &Pointed{}}, Loop{}, struct{}{}, tagged{}, Both{}} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var written map[string]any
		if err := json.Unmarshal(text, &written); err != nil {
			t.Fatal(err)
		}
		got := slices.Sorted(slices.Values(inspect.FieldNames(reflect.TypeOf(v))))
		if want := slices.Sorted(maps.Keys(written)); !slices.Equal(got, want) {
			t.Errorf("%T: got %q, want %q", v, got, want)
		}
	}
	for _, none := range []reflect.Type{reflect.TypeFor[int](), reflect.TypeFor[[]plain](), reflect.TypeFor[any]()} {
		if fields := inspect.FieldNames(none); len(fields) != 0 {
			t.Errorf("%v: got %v", none, fields)
		}
	}
}

func TestJSONKind(t *testing.T) {
	for _, test := range []struct {
		t    reflect.Type
		want string
	}{
		{reflect.TypeFor[int8](), "number"},
		{reflect.TypeFor[*uint](), "number"},
		{reflect.TypeFor[float64](), "number"},
		{reflect.TypeFor[bool](), "bool"},
		{reflect.TypeFor[text](), "string"},
		{reflect.TypeFor[[]byte](), "string"},
		{reflect.TypeFor[netip.Addr](), "string"},
		{reflect.TypeFor[*netip.Addr](), "string"},
		{reflect.TypeFor[[]int](), "array"},
		{reflect.TypeFor[[3]byte](), "array"},
		{reflect.TypeFor[object](), "object"},
		{reflect.TypeFor[**object](), "object"},
		{reflect.TypeFor[map[string]int](), "object"},
	} {
		if got := inspect.JSONKind(test.t); got != test.want {
			t.Errorf("%v: got %s, want %s", test.t, got, test.want)
		}
	}
}
