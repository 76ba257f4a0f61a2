package envelope

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/wsgate/wsgate/internal/inspect"
)

// ShapeOf returns the shape of payloads of type t in this envelope. In the flat form an object's fields are beside
// Type, unless one of them has the name of one of the envelope's keys: then the payload is a Value, which is under
// Data.
func (n *Names) ShapeOf(t reflect.Type) inspect.Shape {
	shape := inspect.ShapeOf(t)
	if shape == inspect.Object && !n.Nested && slices.ContainsFunc(inspect.FieldNames(t), n.reserved) {
		return inspect.Value
	}
	return shape
}

// ShapeOfText is ShapeOf for a payload of unknown type, given its JSON. For an object without any of the envelope's
// keys, it assumes that the type has no such field either.
func (n *Names) ShapeOfText(payload []byte) inspect.Shape {
	if payload[0] != '{' || n.hasOwnKey(payload) {
		return inspect.Value
	}
	return inspect.Map
}

// hasOwnKey reports whether an object has one of the envelope's keys.
func (n *Names) hasOwnKey(object []byte) (has bool) {
	_ = scan(object, func(key, _ []byte) { has = has || n.reserved(string(key)) })
	return has
}

// Errors for payloads in the place of the other form, where they would be ignored.
var (
	ErrNested = errors.New("the payload is under Data, and its fields have to stand beside Type")
	ErrFlat   = errors.New("the payload's fields are beside Type, and it has to stand under Data")
)

// ErrOwnKey is the error for a map with one of the envelope's keys, which the flat form cannot hold.
var ErrOwnKey = errors.New("the payload has a key that the envelope needs for itself")

// Decode decodes the payload into v, which points to a zero value of a type with that shape in this envelope. The error
// is [ErrNested], [ErrFlat], [ErrOwnKey] or an [*inspect.Mismatch].
func (n *Names) Decode(in *Inbound, shape inspect.Shape, v any) error {
	switch {
	case n.Nested || shape == inspect.Value:
		return n.decodeData(in, v)
	case string(in.data) == "null":
		return inspect.Decode(in.data, v)
	case len(in.data) > len("{}") && in.data[0] == '{' && inspect.HasFields(reflect.TypeOf(v)):
		switch own := n.hasOwnKey(in.data); {
		case own && shape == inspect.Object: // from a client that does not know the type, see ShapeOfText
			return inspect.Decode(in.data, v)
		case own:
			return ErrOwnKey
		}
		return ErrNested
	case shape == inspect.Map:
		text, err := n.fields(in.Text)
		if err != nil {
			return err
		}
		return inspect.Decode(text, v)
	default:
		return inspect.Decode(in.Text, v)
	}
}

// decodeData decodes the value under Data. Without a value, v stays zero.
func (n *Names) decodeData(in *Inbound, v any) error {
	switch {
	case in.data != nil:
		return inspect.Decode(in.data, v)
	case n.standsBeside(in.Text, reflect.TypeOf(v)):
		return ErrFlat
	default:
		return nil
	}
}

// standsBeside reports whether a message without Data has fields of a payload of type t. The fields of a type that
// decodes itself are unknown.
func (n *Names) standsBeside(text []byte, t reflect.Type) bool {
	if !inspect.IsStructOrMap(t) {
		return false
	}
	var others []string
	_ = scan(text, func(key, _ []byte) { // was scanned before
		if !n.reserved(string(key)) {
			others = append(others, string(key))
		}
	})
	if len(others) == 0 {
		return false
	}
	if shape := inspect.ShapeOf(t); shape != inspect.Object {
		return shape == inspect.Map // any key is a field
	}
	fields := inspect.FieldNames(t)
	return slices.ContainsFunc(others, func(key string) bool {
		return slices.ContainsFunc(fields, func(field string) bool { return strings.EqualFold(field, key) })
	})
}
