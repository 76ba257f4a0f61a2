package envelope

import (
	"encoding/json"
	"reflect"
)

// New returns the names with those that are empty replaced by their defaults. Without data it is the flat form.
func New(typ, id, data string) Names {
	n := Names{Type: typ, ID: id, Data: data, Nested: data != ""}
	if n.Type == "" {
		n.Type = "type"
	}
	if n.ID == "" {
		n.ID = "id"
	}
	if n.Data == "" {
		n.Data = "data"
	}
	return n
}

// Marshal returns the text of an event with the payload, as a client sends it. With an id the client wants an answer.
func Marshal[T any](n *Names, name string, id []byte, payload T) ([]byte, error) {
	body, err := json.Marshal(payload)
	if err != nil {
		return nil, err
	}
	return n.Text(name, id, n.ShapeOf(reflect.TypeFor[T]()), body)
}

// Unmarshal decodes a received payload. The error is that of [Decoder.Decode].
func Unmarshal[T any](n *Names, in *Inbound) (payload T, err error) {
	err = n.DecoderFor(reflect.TypeFor[T]()).Decode(in, &payload)
	return payload, err
}

// IsError reports whether a received message is an error.
func (in *Inbound) IsError() bool { return string(in.Type) == ErrorName }
