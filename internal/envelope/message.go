package envelope

import (
	"encoding/json"
	"iter"
	"reflect"
	"strings"

	"github.com/wsgate/wsgate/internal/text"
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

// WrongKeys returns the keys that are ambiguous or not valid, each with what is wrong with it.
func (n *Names) WrongKeys() iter.Seq2[string, string] {
	return func(yield func(key, why string) bool) {
		keys := []string{n.Type, n.ID, n.Data}
		for i, key := range keys {
			for _, before := range keys[:i] {
				if strings.EqualFold(key, before) && !yield(key, "is used twice; JSON keys that differ only in case count as the same") {
					return
				}
			}
			if strings.EqualFold(key, TraceKey) && !yield(key, "is the key of traces") {
				return
			}
			if !text.IsLine(key) && !yield(key, text.NotLine) {
				return
			}
			if !n.Nested && IsErrorKey(key) && !yield(key, "is needed for errors, whose fields stand beside it in the flat form") {
				return
			}
		}
	}
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
