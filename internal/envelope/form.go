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

// ErrMissing is the error of a payload that is missing although its type has no value that says nothing.
var ErrMissing = errors.New("the payload is missing")

// Decoder decodes payloads of one type. What it has to know of the type is found out once.
type Decoder struct {
	names     Names
	typ       reflect.Type
	shape     inspect.Shape // in this envelope
	object    bool          // a struct or a map, wherever it stands: without any field it is an object all the same
	hasFields bool
	json      inspect.Decoder
}

// DecoderFor returns the decoder for payloads of type t in this envelope.
func (n *Names) DecoderFor(t reflect.Type) *Decoder {
	return &Decoder{
		names: *n, typ: t, shape: n.ShapeOf(t), json: inspect.DecoderFor(t),
		object:    t.Kind() != reflect.Pointer && inspect.ShapeOf(t) != inspect.Value,
		hasFields: inspect.HasFields(t),
	}
}

// Decode decodes the payload into v, which points to a zero value of the decoder's type. The error is [ErrMissing],
// [ErrNested], [ErrFlat], [ErrOwnKey] or an [*inspect.Mismatch].
func (d *Decoder) Decode(in *Inbound, v any) error {
	switch {
	case string(in.Data) == "null":
		return d.null(in.Data, v)
	case d.names.Nested || d.shape == inspect.Value:
		return d.decodeData(in, v)
	case len(in.Data) > len("{}") && in.Data[0] == '{' && d.hasFields:
		switch own := d.names.hasOwnKey(in.Data); {
		case own && d.shape == inspect.Object: // from a client that does not know the type, see ShapeOfText
			return d.json.Decode(in.Data, v)
		case own:
			return ErrOwnKey
		}
		return ErrNested
	case d.shape == inspect.Map:
		text, err := d.names.fields(in.Text)
		if err != nil {
			return err
		}
		return d.json.Decode(text, v)
	default:
		return d.json.Decode(in.Text, v)
	}
}

// decodeData decodes the value under Data.
func (d *Decoder) decodeData(in *Inbound, v any) error {
	switch {
	case in.Data != nil:
		return d.json.Decode(in.Data, v)
	case d.names.standsBeside(in.Text, d.typ):
		return ErrFlat
	case d.object:
		return d.json.Decode([]byte("{}"), v)
	case d.hasFields && !inspect.SaysNothing(v):
		return ErrMissing
	default:
		return nil
	}
}

// null decodes null. encoding/json leaves most values as they are then, but only some are the same as null.
func (d *Decoder) null(text []byte, v any) error {
	if err := d.json.Decode(text, v); err != nil {
		return err
	}
	if d.hasFields && reflect.ValueOf(v).Elem().IsZero() && !inspect.SaysNothing(v) {
		return inspect.WrongNull(d.typ)
	}
	return nil
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
