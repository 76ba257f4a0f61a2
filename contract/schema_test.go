package contract_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/wsgate/wsgate/contract"
)

// random makes types and values.
type random struct {
	*rand.Rand
	full bool // values are neither nil nor empty
}

// typ returns a type whose parts nest at most that deep.
func (r random) typ(depth int) reflect.Type {
	if depth == 0 {
		return leaves[r.IntN(len(leaves))]
	}
	switch r.IntN(8) {
	case 0:
		return reflect.PointerTo(r.typ(depth - 1))
	case 1:
		return reflect.SliceOf(r.typ(depth - 1))
	case 2:
		return reflect.ArrayOf(r.IntN(4), r.typ(depth-1))
	case 3:
		return reflect.MapOf(keys[r.IntN(len(keys))], r.typ(depth-1))
	case 4:
		return leaves[r.IntN(len(leaves))]
	}
	var fields []reflect.StructField
	names := slices.Clone(fieldNames)
	for i := range 1 + r.IntN(6) {
		n := r.IntN(len(names))
		tag := names[n]
		names = slices.Delete(names, n, n+1)
		if tag == "-" {
			tag += "," // the name, and not the word for a field that is left out
		}
		typ := r.typ(depth - 1)
		for _, option := range []string{",omitempty", ",omitzero", ",string"} {
			if option == ",omitempty" && (typ.Kind() == reflect.Struct || typ.Kind() == reflect.Array) {
				continue // has no effect on encoding, and yet allows clients to leave the field out
			}
			if r.IntN(4) == 0 {
				tag += option
			}
		}
		fields = append(fields, reflect.StructField{
			Name: "F" + strconv.Itoa(i), Type: typ, Tag: reflect.StructTag("json:" + strconv.Quote(tag)),
		})
	}
	return reflect.StructOf(fields)
}

// fill sets v to something random.
func (r random) fill(v reflect.Value, depth int) {
	some := func(most int) int {
		switch {
		case r.full && depth > 0:
			return 1 + r.IntN(most)
		case depth <= 0:
			return 0
		}
		return r.IntN(most + 1)
	}
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = time.Unix(r.Int64N(4e9), r.Int64N(1e9)).UTC()
		return
	case *netip.Addr:
		*p = netip.AddrFrom4([4]byte{127, 0, 0, byte(r.IntN(256))})
		return
	case *json.RawMessage:
		*p = json.RawMessage([]string{"null", "1", `{"a":[]}`, `"x"`}[r.IntN(4)])
		return
	case *json.Number:
		*p = []json.Number{"0", "12345678901234567890", "-1.5e3"}[r.IntN(3)]
		return
	case *Color:
		*p = []Color{"red", "green"}[r.IntN(2)]
		return
	case *Level:
		*p = Level(1 + r.IntN(3))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.full || r.IntN(2) == 0)
	case reflect.String:
		v.SetString([]string{"text", "größer", "<&>"}[r.IntN(3)])
		if !r.full && r.IntN(3) == 0 {
			v.SetString("")
		}
	case reflect.Float32, reflect.Float64:
		v.SetFloat([]float64{1.5, -2, 1e30}[r.IntN(3)])
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		least := int64(math.MinInt64) >> (64 - v.Type().Bits())
		v.SetInt([]int64{1, least, -(least + 1)}[r.IntN(3)])
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint([]uint64{1, 2, math.MaxUint64 >> (64 - v.Type().Bits())}[r.IntN(3)])
	case reflect.Pointer:
		if some(1) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			r.fill(v.Elem(), depth-1)
		}
	case reflect.Slice:
		if n := some(3); n > 0 || r.IntN(2) == 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
		}
		for i := range v.Len() {
			r.fill(v.Index(i), depth-1)
		}
	case reflect.Array:
		for i := range v.Len() {
			r.fill(v.Index(i), depth-1)
		}
	case reflect.Map:
		n := some(3)
		if n > 0 || r.IntN(2) == 0 {
			v.Set(reflect.MakeMap(v.Type()))
		}
		for range n {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			r.fill(key, depth-1)
			r.fill(value, depth-1)
			v.SetMapIndex(key, value)
		}
	case reflect.Interface:
		if some(1) > 0 {
			v.Set(reflect.ValueOf(map[string]any{"any": []int{r.IntN(3)}}))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				r.fill(f, depth-1)
			}
		}
	}
}

// compile returns a schema for the second library.
func compile(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := compileValue(value)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s
}

func compileValue(value any) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	c.AssertContent()
	if err := c.AddResource("schema.json", value); err != nil {
		return nil, err
	}
	return c.Compile("schema.json")
}

func decoded(t *testing.T, text []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

// What encoding/json makes of values is valid, in the schema of its type; and what it cannot decode is not.
func TestSchemaAgreesWithEncodingJSON(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 50
	}
	for seed := range uint64(rounds) {
		r := random{rand.New(rand.NewPCG(seed, 0)), false}
		typ := r.typ(3)
		if seed < uint64(len(leaves)) {
			typ = leaves[seed] // each of them by itself
		}
		incoming, outgoing, err := contract.Schemas(typ)
		if err != nil {
			t.Fatalf("%d: %v: %v", seed, typ, err)
		}
		input, output := compile(t, incoming), compile(t, outgoing)
		for range 12 {
			v := reflect.New(typ)
			r.fill(v.Elem(), 6)
			text, err := json.Marshal(v.Elem().Interface())
			if err != nil {
				t.Fatalf("%d: %v: %v", seed, typ, err)
			}
			if err := output.Validate(decoded(t, text)); err != nil {
				t.Fatalf("%d: %v\n%s\nis refused by\n%s\n%v", seed, typ, text, outgoing, err)
			}
			for range 6 {
				r.mutate(t, typ, text, input, incoming)
			}
			r.leaveOut(t, typ, text, output, outgoing)
		}
	}
}

// mutate gives a part of a value another type. If it cannot be decoded then, the schema must refuse it.
func (r random) mutate(t *testing.T, typ reflect.Type, text []byte, s *jsonschema.Schema, source []byte) {
	t.Helper()
	value := decoded(t, text)
	parts := partsOf(&value)
	part := parts[r.IntN(len(parts))]
	before, after := part.get(), []any{true, "127.0.0.1", json.Number("1.5"), json.Number("77777"), map[string]any{}, []any{}}[r.IntN(6)]
	if fmt.Sprintf("%T", before) == fmt.Sprintf("%T", after) && !(after == json.Number("1.5")) {
		return
	}
	part.set(after)
	mutated, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(mutated, reflect.New(typ).Interface()); err == nil {
		return
	}
	if s.Validate(value) == nil {
		t.Fatalf("%v\n%s\ncannot be decoded and is not refused by\n%s", typ, mutated, source)
	}
}

// notRequired are types with fields of which the schema does not say that they are always there: those of an embedded pointer
// are there together or not at all, what encodes itself may be anything, and an IsZero method decides by the value.
var notRequired = regexp.MustCompile("EmbedsPointer|OnlyOut|Both|PointerText|Zeroes|Own")

// leaveOut removes a field. If encoding/json writes it again, the schema must require it.
func (r random) leaveOut(t *testing.T, typ reflect.Type, text []byte, s *jsonschema.Schema, source []byte) {
	t.Helper()
	value := decoded(t, text)
	var objects []map[string]any
	for _, part := range partsOf(&value) {
		if object, ok := part.get().(map[string]any); ok && len(object) > 0 {
			objects = append(objects, object)
		}
	}
	if len(objects) == 0 || notRequired.MatchString(typ.String()) {
		return
	}
	object := objects[r.IntN(len(objects))]
	for key := range object {
		delete(object, key)
		break
	}
	without, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	v := reflect.New(typ)
	if json.Unmarshal(without, v.Interface()) != nil {
		return
	}
	again, err := json.Marshal(v.Elem().Interface())
	if err != nil {
		t.Fatal(err)
	}
	if len(partsOf(ptr(decoded(t, again)))) > len(partsOf(&value)) && s.Validate(value) == nil {
		t.Fatalf("%v\n%s\nlacks a field of\n%s\nand is not refused by\n%s", typ, without, again, source)
	}
}

func ptr(v any) *any { return &v }

// part is a place in a JSON value.
type part struct {
	get func() any
	set func(any)
}

// partsOf returns all places in a value.
func partsOf(root *any) []part {
	parts := []part{{func() any { return *root }, func(v any) { *root = v }}}
	var below func(v any)
	below = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				parts = append(parts, part{func() any { return v[key] }, func(other any) { v[key] = other }})
				below(inner)
			}
		case []any:
			for i, inner := range v {
				parts = append(parts, part{func() any { return v[i] }, func(other any) { v[i] = other }})
				below(inner)
			}
		}
	}
	below(*root)
	return parts
}

// Every type in a schema matters: with another one, a value that has something in all its parts is refused.
func TestMutatedSchemaRefuses(t *testing.T) {
	mutations := 0
	for seed := range uint64(150) {
		r := random{rand.New(rand.NewPCG(seed, 1)), true}
		typ := r.typ(2)
		if seed < uint64(len(leaves)) {
			typ = leaves[seed]
		}
		_, outgoing, err := contract.Schemas(typ)
		if err != nil {
			t.Fatal(err)
		}
		v := reflect.New(typ)
		r.fill(v.Elem(), 9)
		text, err := json.Marshal(v.Elem().Interface())
		if err != nil {
			t.Fatal(err)
		}
		value, root := decoded(t, text), decoded(t, outgoing)
		for _, s := range reached(root, value) {
			before, ok := s["type"]
			if !ok || s["enum"] != nil {
				continue
			}
			s["type"] = other(before)
			mutated, err := compileValue(root)
			if err != nil {
				t.Fatal(err)
			}
			if mutated.Validate(value) == nil {
				t.Fatalf("%d: %v: %s is not refused with %v for %v in\n%s", seed, typ, text, s["type"], before, outgoing)
			}
			s["type"] = before
			mutations++
		}
	}
	if mutations < 500 {
		t.Errorf("%d mutations, want more", mutations)
	}
}

// other returns a type that none of the values has.
func other(types any) any {
	list, ok := types.([]any)
	if !ok {
		list = []any{types}
	}
	for _, name := range []any{"string", "boolean", "array"} {
		if !slices.Contains(list, name) {
			return name
		}
	}
	return "null"
}

// reached returns the schemas that a value is checked with.
func reached(root, value any) (all []map[string]any) {
	components := root.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any)
	seen := map[string]bool{}
	var walk func(schema, value any)
	walk = func(schema, value any) {
		s, ok := schema.(map[string]any)
		if !ok || value == nil {
			return
		}
		if ref, ok := s["$ref"].(string); ok {
			name := ref[len("#/components/schemas/"):]
			if !seen[name] {
				seen[name] = true
				walk(components[name], value)
			}
			return
		}
		all = append(all, s)
		for _, keyword := range []string{"allOf", "anyOf"} {
			if list, ok := s[keyword].([]any); ok {
				walk(list[0], value) // the other one of anyOf is null
			}
		}
		switch value := value.(type) {
		case map[string]any:
			properties, _ := s["properties"].(map[string]any)
			for name, inner := range value {
				if properties[name] != nil {
					walk(properties[name], inner)
				} else if s["additionalProperties"] != nil {
					walk(s["additionalProperties"], inner)
					if _, ok := s["additionalProperties"].(map[string]any)["$ref"]; !ok {
						break // one value reaches as much as the others
					}
				}
			}
		case []any:
			if len(value) > 0 {
				walk(s["items"], value[0])
			}
		}
	}
	walk(root, value)
	return all
}

// shape describes itself, without importing anything for it.
type shape struct{}

func (shape) MarshalJSON() ([]byte, error) { return []byte(`{"radius":1}`), nil }

func (shape) JSONSchemaBytes() ([]byte, error) {
	return []byte(`{"oneOf":[{"type":"object","required":["radius"],"properties":{"radius":{"type":"number"}}},{"type":"array","items":{"type":"number"}}]}`), nil
}

// lost refers to what is not there; failed cannot describe itself.
type (
	lost   struct{}
	failed struct{}
)

func (lost) JSONSchemaBytes() ([]byte, error)   { return []byte(`{"$ref":"#/definitions/x"}`), nil }
func (failed) JSONSchemaBytes() ([]byte, error) { return nil, errors.New("no schema today") }

// A type may have a schema of its own.
func TestOwnSchema(t *testing.T) {
	d := document(t, info{sends: map[string]reflect.Type{"drawn": reflect.TypeFor[struct {
		Shape shape  `json:"shape"`
		Maybe *shape `json:"maybe"`
	}]()}})
	module, _ := d.TypeScript()
	const want = "drawn: { shape: { radius: number } | number[]; maybe: { radius: number } | number[] | null };"
	if !strings.Contains(string(module), want) {
		t.Errorf("no %q in\n%s", want, module)
	}
	for typ, want := range map[reflect.Type]string{
		reflect.TypeFor[[]lost]():             `no schema is at "#/definitions/x"`,
		reflect.TypeFor[[]failed]():           "no schema today",
		reflect.TypeFor[struct{ F failed }](): "no schema today",
	} {
		_, err := contract.Build(contract.Info{}, info{sends: map[string]reflect.Type{"e": typ}}.route())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", typ, err, want)
		}
	}
}
