package wsgate

import "github.com/coder/websocket"

// Message is a whole data message. Text is always valid UTF-8. The Data of a message that was received belongs to the
// hook that got it; the Data of a message that is sent is copied before Send returns.
type Message struct {
	Type websocket.MessageType
	Data []byte
}

// Text returns a text message.
func Text(s string) Message { return Message{websocket.MessageText, []byte(s)} }

// Binary returns a binary message.
func Binary(b []byte) Message { return Message{websocket.MessageBinary, b} }
