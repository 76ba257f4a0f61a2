// Package envelope reads and writes the JSON around an event's payload.
package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/text"
)

// Names are the JSON keys of an envelope.
type Names struct {
	Type, ID, Data string
	Nested         bool // every payload is under Data; otherwise see ShapeOf
}

// MaxID is the maximum size of an id in its JSON form.
const MaxID = 64

// Inbound is a received envelope. Its slices point into the message.
type Inbound struct {
	Type []byte // the event's name
	ID   []byte // in its JSON form; nil if no answer is wanted
	Text []byte // the whole message
	Data []byte // the value under Data; nil if there is none
}

// Parse parses an envelope. The error's text is meant for the client. A valid id is set even if there is an error.
func (n *Names) Parse(text []byte, in *Inbound) error {
	*in = Inbound{Text: text}
	var typ []byte
	var folded string
	err := scan(text, func(key, value []byte) {
		switch string(key) {
		case n.Type:
			typ = value
			in.Type = key
		case n.ID:
			in.ID = value
		case n.Data:
			in.Data = value
		case TraceKey:
		default:
			if n.reserved(string(key)) {
				folded = string(key)
			}
		}
	})
	if err != nil {
		in.ID = nil
		return err
	}
	if in.ID != nil && (len(in.ID) > MaxID || in.ID[0] != '"' && in.ID[0] != '-' && !isDigit(in.ID[0])) {
		in.ID = nil
		return errors.New(n.ID + " is not a number or string of at most 64 bytes")
	}
	if folded != "" {
		return errors.New("unknown key " + quote(folded) + ", keys are case-sensitive")
	}
	if typ == nil {
		return errors.New("message has no " + quote(n.Type))
	}
	if typ[0] != '"' {
		return errors.New(quote(n.Type) + " is not a string")
	}
	in.Type = typ[1 : len(typ)-1]
	if bytes.IndexByte(in.Type, '\\') >= 0 {
		in.Type, err = unquote(typ)
	}
	return err
}

// TraceKey is the key under which a client may send the trace that a message belongs to. It is never a part of a payload.
const TraceKey = "$trace"

// reserved reports whether key is one of the envelope's keys, ignoring case as encoding/json does.
func (n *Names) reserved(key string) bool {
	return strings.EqualFold(key, TraceKey) || strings.EqualFold(key, n.Type) || strings.EqualFold(key, n.ID) || strings.EqualFold(key, n.Data)
}

// Payload returns the payload's JSON, nil if there is none.
func (n *Names) Payload(in *Inbound) []byte {
	if n.Nested || in.Data != nil {
		return in.Data
	}
	fields, _ := n.fields(in.Text) // already scanned
	return fields
}

// fields returns the flat envelope without the envelope's keys.
func (n *Names) fields(text []byte) ([]byte, error) {
	out := append(make([]byte, 0, len(text)), '{')
	err := scan(text, func(key, value []byte) {
		if n.reserved(string(key)) {
			return
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = appendString(out, string(key))
		out = append(out, ':')
		out = append(out, value...)
	})
	return append(out, '}'), err
}

// Encode returns the encoded text message of an event, or of an answer if id is not nil. payload is JSON of the given
// shape, nil for a message with only the envelope's keys.
func (n *Names) Encode(name string, id []byte, shape inspect.Shape, payload []byte) (*frame.Message, error) {
	scratch := scratchPool.Get().(*[]byte)
	defer scratchPool.Put(scratch)
	text, err := n.appendText((*scratch)[:0], name, id, shape, payload)
	if err != nil {
		return nil, err
	}
	if cap(text) <= maxScratch {
		*scratch = text
	}
	return frame.NewMessage(websocket.MessageText, text), nil
}

// Text returns the text of the message that Encode encodes.
func (n *Names) Text(name string, id []byte, shape inspect.Shape, payload []byte) ([]byte, error) {
	return n.appendText(nil, name, id, shape, payload)
}

func (n *Names) appendText(text []byte, name string, id []byte, shape inspect.Shape, payload []byte) ([]byte, error) {
	text = append(text, '{')
	text = appendString(text, n.Type)
	text = append(text, ':')
	text = appendString(text, name)
	if id != nil {
		text = append(text, ',')
		text = appendString(text, n.ID)
		text = append(text, ':')
		text = append(text, id...)
	}
	switch {
	case payload == nil:
	case !utf8.Valid(payload): // a browser would close the connection
		return nil, errors.New("the payload is not UTF-8: a json.RawMessage or a MarshalJSON method has produced other bytes")
	case n.Nested || shape == inspect.Value || shape == inspect.Object && string(payload) == "null": // null is not an object, except that a nil map is an empty one
		text = append(text, ',')
		text = appendString(text, n.Data)
		text = append(text, ':')
		text = append(text, payload...)
	case len(payload) <= len("{}") || payload[0] != '{': // no fields
	default:
		if err := n.checkKeys(shape, payload); err != nil {
			return nil, err
		}
		text = append(text, ',')
		text = append(text, payload[1:len(payload)-1]...)
	}
	return append(text, '}'), nil
}

// scratchPool holds buffers of up to maxScratch bytes for encoding messages.
var scratchPool = sync.Pool{New: func() any { return new([]byte) }}

const maxScratch = 64 << 10

// checkKeys refuses a map with one of the envelope's keys, with which whoever chooses the keys could forge events.
func (n *Names) checkKeys(shape inspect.Shape, payload []byte) (err error) {
	if shape != inspect.Map {
		return nil // its type has no such field, see ShapeOf
	}
	scanned := scan(payload, func(key, _ []byte) {
		if n.reserved(string(key)) {
			err = errors.New("the map has the key " + quote(string(key)) + ", which the envelope needs for itself")
		}
	})
	return errors.Join(err, scanned)
}

// ErrorName is the event name of errors, which no event may have.
const ErrorName = text.ErrorEvent

// Failure is the payload of an error message.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Details any    `json:"details,omitempty"`
}

// IsErrorKey reports whether key is a key of an error message in the flat form.
func IsErrorKey(key string) bool {
	return strings.EqualFold(key, "code") || strings.EqualFold(key, "message") || strings.EqualFold(key, "details")
}

// Error returns the text message of an error. If id is not nil, it is the answer to the message with that id.
func (n *Names) Error(id []byte, code, message string, details any) (*frame.Message, error) {
	body, err := NewBody(Failure{code, message, details})
	if err != nil {
		return nil, err
	}
	defer body.Free()
	return n.Encode(ErrorName, id, inspect.Object, body.JSON())
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string can always be marshalled
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func quote(s string) string { return string(appendString(nil, s)) }
