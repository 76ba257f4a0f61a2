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

// HasFields reports whether t, or what it points to, is anything but a struct without fields.
func HasFields(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() != reflect.Struct || t.NumField() > 0
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

// decodesJSON reports whether values of type t decode their JSON themselves.
func decodesJSON(t reflect.Type) bool {
	return implements(t, jsonUnmarshaler)
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
