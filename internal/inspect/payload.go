package inspect

import (
	"encoding"
	"encoding/json"
	"reflect"
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
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case encodesItself(t) || decodesJSON(t) || decodesText(t):
		return Value
	case t.Kind() == reflect.Struct:
		return Object
	case t.Kind() == reflect.Map:
		return Map
	}
	return Value
}

// HasFields reports whether t, or what it points to, is anything but a struct without fields.
func HasFields(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() != reflect.Struct || t.NumField() > 0
}

// IsStructOrMap reports whether t is a struct or a map, or points to one.
func IsStructOrMap(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Map
}

// JSONKind names what kind of JSON value t takes, "" if that is not known from its type.
func JSONKind(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == rawNumber:
		return "number"
	case decodesText(t):
		return "string"
	}
	return plainKind(t)
}

// plainKind is JSONKind for a type that has no methods of its own, as far as JSON is concerned.
func plainKind(t reflect.Type) string {
	switch k := t.Kind(); {
	case k == reflect.Bool:
		return "bool"
	case isInteger(t) || isFloat(t):
		return "number"
	case k == reflect.String || k == reflect.Slice && t.Elem().Kind() == reflect.Uint8: // in base64
		return "string"
	case k == reflect.Slice || k == reflect.Array:
		return "array"
	case k == reflect.Struct || k == reflect.Map:
		return "object"
	}
	return ""
}

// encodesItself reports whether values of type t, or those that can be addressed, make their JSON themselves.
func encodesItself(t reflect.Type) bool {
	if implements(t, jsonMarshaler) || implements(t, textMarshaler) {
		return true
	}
	m, ok := reflect.PointerTo(t).MethodByName("MarshalJSONTo")
	return ok && takes(m, "Encoder")
}

// decodesJSON reports whether values of type t decode their JSON themselves.
func decodesJSON(t reflect.Type) bool {
	if implements(t, jsonUnmarshaler) {
		return true
	}
	m, ok := reflect.PointerTo(t).MethodByName("UnmarshalJSONFrom")
	return ok && takes(m, "Decoder")
}

// takes reports whether a method is one of encoding/json/v2's, which takes a *jsontext.Encoder or a *jsontext.Decoder. A
// release of Go that has no such package ignores the method. It counts all the same: an event has one form in each.
func takes(m reflect.Method, coder string) bool {
	t := m.Type
	return t.NumIn() == 2 && t.In(1).Kind() == reflect.Pointer && t.In(1).Elem().Name() == coder &&
		t.NumOut() == 1 && t.Out(0) == reflect.TypeFor[error]()
}

// decodesText reports whether values of type t decode JSON strings themselves, or the keys of an object.
func decodesText(t reflect.Type) bool { return implements(t, textUnmarshaler) }

func implements(t, method reflect.Type) bool { return reflect.PointerTo(t).Implements(method) }

// article puts the indefinite article before the kind of a JSON value.
func article(kind string) string {
	switch kind {
	case "null":
		return kind
	case "array", "object":
		return "an " + kind
	}
	return "a " + kind
}
