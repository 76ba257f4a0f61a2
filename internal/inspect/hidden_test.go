package inspect_test

import (
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/inspect"
)

//lint:file-ignore U1000 fields that nobody uses are what this is about

type (
	secret     struct{ name, room string }
	secretLoop struct {
		Next  *secretLoop
		Lines map[string][2]*secret
	}
	embedsSecret struct{ secret }
	mixed        struct{ name, Room string }
	purposeful   struct {
		name string
		Room string `json:"-"`
	}
	unkeyed    struct{ _ struct{} }
	secretJSON struct{ name string }
	secretText struct{ name string }
	reads      struct{ name string }
	besides    struct {
		Line   mixed
		Secret secret `json:"-"`
		hidden secret
	}
)

func (secretJSON) MarshalJSON() ([]byte, error)  { return nil, nil }
func (*secretText) MarshalText() ([]byte, error) { return nil, nil }
func (*reads) UnmarshalJSON(text []byte) error   { return nil }

// Structs of which JSON sees nothing.
func TestUnfitHidden(t *testing.T) {
	for _, test := range []struct {
		v    any
		want string // "" if there is nothing
	}{
		{secret{}, "inspect_test.secret"},
		{&secret{}, "inspect_test.secret"},
		{[]secret{}, "inspect_test.secret"},
		{map[string]*secret{}, "inspect_test.secret"},
		{secretLoop{}, "inspect_test.secret"},
		{embedsSecret{}, "inspect_test.embedsSecret"},
		{struct{ Line secret }{}, "inspect_test.secret"},
		{struct{ N atomic.Int64 }{}, "atomic.Int64"},
		{struct{ Mu sync.Mutex }{}, "sync.Mutex"},
		{mixed{}, ""},
		{purposeful{}, ""},
		{unkeyed{}, ""},
		{struct{}{}, ""},
		{struct{ Nothing struct{} }{}, ""},
		{secretJSON{}, ""},
		{[]secretText{}, ""},
		{reads{}, ""},
		{besides{}, ""},
		{time.Time{}, ""},
		{[]netip.Addr{}, ""},
		{&big.Int{}, ""},
		{"", ""},
		{[]any{}, ""},
	} {
		wrong := inspect.Unfit(reflect.TypeOf(test.v))
		switch {
		case wrong == nil && test.want == "":
		case wrong == nil || test.want == "" || !strings.HasPrefix(wrong.Have, test.want+", all of whose fields are unexported"):
			t.Errorf("%T: got %+v, want %q", test.v, wrong, test.want)
		}
	}
	fix := inspect.Unfit(reflect.TypeFor[secret]()).Fix
	if want := "export them, as Name with the tag `json:\"name\"`;"; !strings.HasPrefix(fix, want) {
		t.Errorf("got the advice %q, want %q", fix, want)
	}
}
