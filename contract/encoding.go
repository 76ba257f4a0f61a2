// What encoding/json writes for the values of a type, and takes for them.

package contract

import (
	"reflect"
	"strings"

	jsonschema "github.com/swaggest/jsonschema-go"

	"github.com/wsgate/wsgate/internal/inspect"
)

// quotedPattern returns what is in the string of a field with the option "string".
func quotedPattern(t reflect.Type) string {
	switch k := t.Kind(); {
	case k == reflect.Bool:
		return "^(true|false)$"
	case k == reflect.String && t != numberType:
		return `^".*"$`
	case k == reflect.String, k == reflect.Float32, k == reflect.Float64:
		return `^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`
	}
	return "^-?[0-9]+$"
}

// canBeNull reports whether the JSON of a value of type t can be null.
func canBeNull(t reflect.Type, dir direction) bool {
	if t.Kind() == reflect.Pointer {
		return true
	}
	return methodsOf(t, dir) != inspect.Text && (t.Kind() == reflect.Slice || t.Kind() == reflect.Map)
}

// omitsNull reports whether the field is left out where it would be null.
func omitsNull(f *inspect.Field, dir direction) bool {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		return (f.OmitEmpty || f.OmitZero) && !canBeNull(t.Elem(), dir)
	}
	return f.OmitEmpty || f.OmitZero && !t.Implements(zeroer) && !reflect.PointerTo(t).Implements(zeroer)
}

// methodsOf returns how values of type t make or read their own JSON. That of a json.Number is known, whichever methods a release
// of Go gives it.
func methodsOf(t reflect.Type, dir direction) inspect.Methods {
	switch {
	case t == numberType:
		return inspect.None
	case dir == in:
		return inspect.Decodes(t)
	}
	return inspect.Encodes(t)
}

func indirect(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// isBytes reports whether t is a list of bytes, which is a string in JSON.
func isBytes(t reflect.Type, dir direction) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && (dir == in || inspect.Encodes(t.Elem()) == inspect.None)
}

// basic returns the schema of a bool, number or string.
func basic(t reflect.Type, nullable bool) jsonschema.Schema {
	var s jsonschema.Schema
	switch k := t.Kind(); k {
	case reflect.Bool:
		return scalar(jsonschema.Boolean, nullable)
	case reflect.String:
		return scalar(jsonschema.String, nullable)
	case reflect.Float32, reflect.Float64:
		return scalar(jsonschema.Number, nullable)
	case reflect.Int8, reflect.Int16:
		s = scalar(jsonschema.Integer, nullable)
		most := float64(uint64(1) << (t.Bits() - 1))
		s.WithMinimum(-most).WithMaximum(most - 1)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		s = scalar(jsonschema.Integer, nullable)
		s.WithMinimum(0).WithMaximum(float64(uint64(1)<<t.Bits() - 1))
	case reflect.Int32:
		s = scalar(jsonschema.Integer, nullable)
		s.WithFormat("int32")
	default:
		s = scalar(jsonschema.Integer, nullable)
		s.WithFormat("int64")
		if reflect.Uint <= k && k <= reflect.Uintptr {
			s.WithMinimum(0)
		}
		if t == durationType {
			s.WithDescription("nanoseconds")
		}
	}
	return s
}

func scalar(t jsonschema.SimpleType, nullable bool) (s jsonschema.Schema) {
	s.AddType(t)
	if nullable {
		s.AddType(jsonschema.Null)
	}
	return s
}

// kindOf returns the type of a JSON value.
func kindOf(text []byte) string {
	switch {
	case len(text) == 0 || text[0] == 'n':
		return "null"
	case text[0] == '"':
		return "string"
	case text[0] == 't' || text[0] == 'f':
		return "boolean"
	case text[0] == '{':
		return "object"
	case text[0] == '[':
		return "array"
	case strings.ContainsAny(string(text), ".eE"):
		return "number"
	}
	return "integer"
}
