package wsgate

import (
	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/text"
)

// Message is a whole data message. Text is always valid UTF-8. The Data of a received message belongs to the hook that
// got it. The Data of a message that is sent is copied before Send returns.
type Message struct {
	Type websocket.MessageType
	Data []byte
}

// finished returns the encoded message, for any number of receivers.
func (m Message) finished() (*frame.Message, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return frame.NewMessage(m.Type, m.Data), nil
}

// check returns an error for a message that must not be sent.
func (m Message) check() error {
	switch {
	case m.Type != websocket.MessageText && m.Type != websocket.MessageBinary:
		return Errorf(Invalid, "a message's Type is websocket.MessageText or websocket.MessageBinary, not %d", int(m.Type))
	case m.Type == websocket.MessageText && !text.Valid(m.Data):
		return Errorf(Invalid, "a text message must be valid UTF-8")
	}
	return nil
}

// Text returns a text message.
func Text(s string) Message { return Message{websocket.MessageText, []byte(s)} }

// Binary returns a binary message.
func Binary(b []byte) Message { return Message{websocket.MessageBinary, b} }
