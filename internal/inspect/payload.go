package inspect

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
)

// Shape is how a payload type looks in JSON.
type Shape int

const (
	Value  Shape = iota // anything that is no object, or may be none
	Object              // a struct
	Map                 // an object with any keys
)

var (
	jsonMarshaler   = reflect.TypeFor[json.Marshaler]()
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// ShapeOf tells the shape of t. A type that marshals itself is a Value, whatever it makes of it.
func ShapeOf(t reflect.Type) Shape {
	for {
		for _, m := range []reflect.Type{jsonMarshaler, jsonUnmarshaler, textMarshaler, textUnmarshaler} {
			if t.Implements(m) || t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(m) {
				return Value
			}
		}
		if t.Kind() != reflect.Pointer {
			break
		}
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		return Object
	case reflect.Map:
		return Map
	default:
		return Value
	}
}

// JSONFields returns the names under which encoding/json knows the fields of the struct t, or of the struct it points
// to, with the name of the Go field for each.
func JSONFields(t reflect.Type) map[string]string {
	fields := map[string]string{}
	addJSONFields(fields, t, map[reflect.Type]bool{})
	return fields
}

func addJSONFields(fields map[string]string, t reflect.Type, seen map[reflect.Type]bool) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return
	}
	seen[t] = true
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Tag.Get("json") == "-":
		case f.Anonymous && name == "" && isStruct(f.Type):
			addJSONFields(fields, f.Type, seen)
		case !f.IsExported():
		case name != "":
			fields[name] = f.Name
		default:
			fields[f.Name] = f.Name
		}
	}
}

// HasFields reports whether t, or what it points to, is anything but a struct without fields.
func HasFields(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() != reflect.Struct || t.NumField() > 0
}

func isStruct(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}

// JSONKind names what kind of JSON value t takes.
func JSONKind(t reflect.Type) string {
	if t.Implements(textUnmarshaler) || reflect.PointerTo(t).Implements(textUnmarshaler) {
		return "string"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "string"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "string" // base64
		}
		return "array"
	case reflect.Array:
		return "array"
	case reflect.Struct, reflect.Map:
		return "object"
	case reflect.Pointer:
		return JSONKind(t.Elem())
	default:
		return "number"
	}
}

// JSONPath returns the path of a field as the client knows it: encoding/json also names the embedded structs on the
// way, which leave no trace in JSON.
func JSONPath(t reflect.Type, path string) string {
	var kept []string
	for name := range strings.SplitSeq(path, ".") {
		for t != nil && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map) {
			t = t.Elem()
		}
		f, embedded := fieldOnPath(t, name)
		if !embedded {
			kept = append(kept, name)
		}
		t = f
	}
	return strings.Join(kept, ".")
}

// fieldOnPath returns the type of a struct's field that encoding/json calls by that name, nil if there is none, and
// whether it is an embedded struct without a name in JSON.
func fieldOnPath(t reflect.Type, name string) (field reflect.Type, embedded bool) {
	if t == nil || t.Kind() != reflect.Struct {
		return nil, false
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case tag == name && name != "":
			return f.Type, false
		case tag == "" && f.Name == name:
			return f.Type, f.Anonymous && isStruct(f.Type)
		}
	}
	return nil, false
}
