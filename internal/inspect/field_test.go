package inspect_test

import (
	"reflect"
	"testing"

	"github.com/wsgate/wsgate/internal/inspect"
)

type Deep struct {
	A int `json:"a,omitempty"`
	B int `json:",string"`
}

type beside struct {
	C string `json:"c,omitzero"`
	D int
}

type outer struct {
	First bool
	*Deep
	beside
	//lint:ignore SA5008 the option does nothing here
	D    []string `json:",string"` // hides that of beside
	Skip int      `json:"-"`
	//lint:ignore SA5008 a name, and not the word for a field that is left out
	Dash int `json:"-,"`
	//lint:ignore U1000 encoding/json does not see it
	none int
}

// Fields are those that encoding/json writes, in its order.
func TestFields(t *testing.T) {
	tag := func(i ...int) reflect.StructTag { return reflect.TypeFor[outer]().FieldByIndex(i).Tag }
	number, text := reflect.TypeFor[int](), reflect.TypeFor[string]()
	want := []inspect.Field{
		{Name: "First", Type: reflect.TypeFor[bool]()},
		{Name: "a", Type: number, Tag: tag(1, 0), OmitEmpty: true, Embedded: true},
		{Name: "B", Type: number, Tag: tag(1, 1), Quoted: true, Embedded: true},
		{Name: "c", Type: text, Tag: tag(2, 0), OmitZero: true},
		{Name: "D", Type: reflect.TypeFor[[]string](), Tag: tag(3)},
		{Name: "-", Type: number, Tag: tag(5)},
	}
	if got := inspect.Fields(reflect.TypeFor[outer]()); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}
