package inspect

import (
	"encoding"
	"encoding/json"
	"reflect"
)

// Shape is the JSON form of a payload type.
type Shape int

const (
	Value  Shape = iota // anything that is not always an object
	Object              // a struct
	Map                 // an object with any keys
)

var (
	jsonMarshaler   = reflect.TypeFor[json.Marshaler]()
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// ShapeOf returns the shape of t. A type that marshals itself is always a Value.
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

// HasFields reports whether t, or the type it points to, is not a struct without fields.
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

// JSONKind returns the kind of JSON value that decodes into t, "" if the type does not determine it.
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

// plainKind is JSONKind for a type without JSON or text methods.
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

// encodesItself reports whether values of type t, or addressable ones, marshal themselves.
func encodesItself(t reflect.Type) bool {
	if implements(t, jsonMarshaler) || implements(t, textMarshaler) {
		return true
	}
	m, ok := reflect.PointerTo(t).MethodByName("MarshalJSONTo")
	return ok && takes(m, "Encoder")
}

// decodesJSON reports whether values of type t unmarshal JSON themselves.
func decodesJSON(t reflect.Type) bool {
	if implements(t, jsonUnmarshaler) {
		return true
	}
	m, ok := reflect.PointerTo(t).MethodByName("UnmarshalJSONFrom")
	return ok && takes(m, "Decoder")
}

// takes reports whether a method is one of encoding/json/v2, with a *jsontext.Encoder or *jsontext.Decoder parameter.
// It counts even in releases of Go that ignore it, so that an event has the same form in all.
func takes(m reflect.Method, coder string) bool {
	t := m.Type
	return t.NumIn() == 2 && t.In(1).Kind() == reflect.Pointer && t.In(1).Elem().Name() == coder &&
		t.NumOut() == 1 && t.Out(0) == reflect.TypeFor[error]()
}

// decodesText reports whether values of type t unmarshal JSON strings, or the keys of an object, themselves.
func decodesText(t reflect.Type) bool { return implements(t, textUnmarshaler) }

func implements(t, method reflect.Type) bool { return reflect.PointerTo(t).Implements(method) }

// article prefixes the kind of a JSON value with the indefinite article.
func article(kind string) string {
	switch kind {
	case "null":
		return kind
	case "array", "object":
		return "an " + kind
	}
	return "a " + kind
}
