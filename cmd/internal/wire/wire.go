// Package wire speaks the events of wsgate from a client's side. The format itself is the library's own code.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/text"
)

// Envelope is the JSON around payloads. It may be used by several goroutines.
type Envelope struct {
	names envelope.Names
	flat  envelope.Names // the same keys, with the payload's fields beside them
}

// New returns the envelope with these keys. Without a data key it is the flat form, in which an object's fields stand
// beside the type and any other payload stands under "data". The keys must be such that [wsgate.Envelope] takes them.
//
// [wsgate.Envelope]: https://pkg.go.dev/github.com/wsgate/wsgate#Envelope
func New(typ, id, data string) (*Envelope, error) {
	names := envelope.Names{Type: typ, ID: id, Data: data, Nested: data != ""}
	if !names.Nested {
		names.Data = "data"
	}
	keys := []string{names.Type, names.ID, names.Data}
	for i, key := range keys {
		if err := check(key, names.Nested); err != nil {
			return nil, err
		}
		for _, before := range keys[:i] {
			if strings.EqualFold(key, before) {
				return nil, fmt.Errorf("envelope key %q is used twice", key)
			}
		}
	}
	flat := names
	flat.Nested = false
	return &Envelope{names, flat}, nil
}

func check(key string, nested bool) error {
	switch {
	case key == "":
		return errors.New("an envelope key is empty")
	case !text.IsLine(key):
		return fmt.Errorf("envelope key %q %s", key, text.NotLine)
	case !nested && envelope.IsErrorKey(key):
		return fmt.Errorf("envelope key %q is needed for errors; only with a data key it is free", key)
	}
	return nil
}

// Request returns the message that asks for an answer to an event. id is a JSON number or string. payload is JSON, or nil
// for none. In the flat form an object's fields stand beside the type, or under the data key if one of them is a key of
// the envelope.
func (e *Envelope) Request(event string, id, payload []byte) ([]byte, error) {
	shape := inspect.Value
	if payload != nil {
		var compact bytes.Buffer
		if err := json.Compact(&compact, payload); err != nil {
			return nil, fmt.Errorf(`the payload is not JSON (%w); a string needs quotes: '"text"'`, err)
		}
		payload = compact.Bytes()
		shape = e.names.ShapeOfText(payload)
	}
	m, err := e.names.Encode(event, id, shape, payload)
	if err != nil {
		return nil, fmt.Errorf("the payload does not fit into the envelope: %w", err)
	}
	return content(m.For(false)), nil
}

// content returns what is in a server's frame: the library encodes for sending, and clients frame differently.
func content(f frame.Frame) []byte {
	switch f[1] {
	case 127:
		return f[10:]
	case 126:
		return f[4:]
	default:
		return f[2:]
	}
}

// Message is an envelope that arrived.
type Message struct {
	ID     []byte // as JSON; nil if there is none
	Failed bool   // it is an error

	of *Envelope
	in envelope.Inbound
}

// Read reads a message, which it keeps. The id is there also with an error, if it could be read.
func (e *Envelope) Read(text []byte) (*Message, error) {
	m := &Message{of: e}
	err := e.names.Parse(text, &m.in)
	m.ID = m.in.ID
	m.Failed = err == nil && string(m.in.Type) == envelope.ErrorName
	return m, err
}

// Payload returns the payload as JSON on one line, "null" if there is none. A flat message cannot tell an object without
// fields from no payload.
func (m *Message) Payload() (json.RawMessage, error) {
	payload := m.in.Data
	if payload == nil {
		if payload = m.of.flat.Payload(&m.in); string(payload) == "{}" {
			return json.RawMessage("null"), nil
		}
	}
	var line bytes.Buffer
	err := json.Compact(&line, payload)
	return line.Bytes(), err
}

// Err returns the error that the message is, an [*Error] unless it has none of an error's fields.
func (m *Message) Err() error {
	payload, err := m.Payload()
	if err != nil {
		return err
	}
	failed := new(Error)
	if err := json.Unmarshal(payload, failed); err != nil || failed.Code == "" && failed.Message == "" {
		return errors.New("error " + string(payload))
	}
	return failed
}

// Error is what a server answers instead of a result.
type Error struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Details json.RawMessage `json:"details"`
}

// Error returns the code, the message, and the details if there are any.
func (e *Error) Error() string {
	text := e.Code + ": " + e.Message
	if len(e.Details) > 0 {
		text += " (details: " + string(e.Details) + ")"
	}
	return text
}
