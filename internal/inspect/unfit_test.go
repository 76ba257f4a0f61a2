package inspect_test

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/wsgate/wsgate/internal/inspect"
)

type (
	price struct {
		V int `json:"€"`
	}
	strict struct {
		V int `json:"v,case:strict"`
	}
	textKey struct{}
	Channel chan int
	channel chan int // which encoding/json leaves out where it is embedded
	ownForm struct{ price }
	loop    struct {
		Next *loop
		//lint:ignore U1000 its fields count
		unexportedPrice
	}
	unexportedPrice struct{ Prices map[string][2]*price }
	promotes        struct {
		Inner  `json:",embed"` // as without
		hidden `json:",inline,omitempty"`
		Named  `json:"named,embed"`
	}
)

func (textKey) MarshalText() ([]byte, error) { return nil, nil }
func (ownForm) MarshalJSON() ([]byte, error) { return nil, nil }

//lint:file-ignore SA5008 these tags are wrong on purpose

// Tags and types that releases of Go read differently, and types that have no JSON.
func TestUnfit(t *testing.T) {
	for _, test := range []struct {
		v    any
		want string // "" if there is nothing
	}{
		{price{}, `inspect_test.price.V with the JSON name "€", `},
		{loop{}, `inspect_test.price.V with the JSON name "€", `},
		{map[int]*price{}, `inspect_test.price.V with`},
		{strict{}, `inspect_test.strict.V with the option "case:strict" in its tag, `},
		{[]strict{}, `inspect_test.strict.V with`},
		{struct {
			V int `json:"a\"b"`
		}{}, `the JSON name "a\"b"`},
		{struct {
			V int `json:"'v'"`
		}{}, `the JSON name "'v'"`},
		{struct {
			V int `json:"a\xffb,omitempty"`
		}{}, `the JSON name`},
		{struct {
			V map[string]int `json:",omitempty,embed"`
		}{}, `the option "embed"`},
		{struct {
			V price `json:",embed"`
		}{}, `the option "embed"`},
		{struct {
			V time.Time `json:"v,format:DateOnly"`
		}{}, `the option "format:DateOnly"`},
		{struct {
			V int `json:"v,'string'"`
		}{}, `the option "'string'"`},
		{struct {
			Inner
			X2 int `json:"innera"`
		}{}, `with the JSON names "innera" and "InnerA"`},
		{struct {
			A int `json:"up"`
			B int `json:"UP"`
			Inner
			InnerA int
		}{}, ""},
		{map[float64]int{}, `map[float64]int, for whose keys`},
		{make(chan int), `chan int`},
		{func() {}, `func()`},
		{[]complex64{}, `complex64`},
		{map[string]*[2]unsafe.Pointer{}, `unsafe.Pointer`},
		{struct{ V []map[string]chan int }{}, `struct { V []map[string]chan int }.V with chan int`},
		{struct {
			V func() `json:"v,omitempty"`
		}{}, `.V with func()`},
		{struct{ Channel }{}, `.Channel with inspect_test.Channel`},
		{struct {
			V chan int `json:"-"`
			w chan int
			channel
			W uintptr
			X any
		}{}, ""},
		{struct{ V map[bool]int }{}, `map[bool]int, for whose keys`},
		{map[any]int{}, `map[interface {}]int, for whose keys`},

		{struct {
			V int `json:"a-b/c.d ~$1é日"`
			W int `json:",omitempty,omitzero,string,inline,unknown,case:ignore,omitEmpty"`
			X int `json:"-"`
			Y int `json:"-,"`
			z map[bool]int
		}{}, ""},
		{promotes{}, ""},
		{all{}, ""},
		{ownForm{}, ""},
		{struct{ V []*ownForm }{}, ""},
		{map[textKey]map[string]map[uint8]netip.Addr{}, ""},
		{map[textOnly]any{}, ""},
		{[]any{json.RawMessage{}}, ""},
		{struct {
			V price `json:"-"`
		}{}, ""},
	} {
		wrong := inspect.Unfit(reflect.TypeOf(test.v))
		switch {
		case wrong == nil && test.want != "":
			t.Errorf("%T: got nothing, want %s", test.v, test.want)
		case wrong != nil && (test.want == "" || !strings.Contains(wrong.Have, test.want) || wrong.Fix == ""):
			t.Errorf("%T: got %q, fix %q, want %q", test.v, wrong.Have, wrong.Fix, test.want)
		}
	}
}
