// Package wire is what a load-generating client needs of the WebSocket protocol
// and of the contenders' own protocols on top of it, and nothing more: frames
// that are built once and written often, and a walk over received bytes that
// copies and allocates nothing.
package wire

import "bytes"

// Dialect is how a contender's messages look inside its frames.
type Dialect interface {
	// Hello is what a client sends once after the handshake, nil for nothing.
	// The server answers it with exactly one frame.
	Hello() []byte
	// Request is the frame that makes the server send payload: back to the
	// sender, or to everybody in the sender's room.
	Request(payload []byte, room bool) Request
	// Next splits the first message off the payload of a received frame. A nil
	// message with a shorter rest was none of ours, such as a reply.
	Next(frame []byte) (message, rest []byte)
}

// Request is a frame with a payload inside.
type Request struct {
	ClientFrame
	payload int // offset of the payload in the frame's own payload
}

// SetSequence numbers the payload.
func (r Request) SetSequence(n uint32) {
	text := FormatSequence(n)
	r.Overwrite(r.payload+SequenceOffset, text[:])
}

// newRequest finds payload inside text and makes a frame of it.
func newRequest(text, payload []byte) Request {
	return Request{NewClientFrame(OpText, text), bytes.Index(text, payload)}
}

// Plain is one message in one frame with nothing around it.
type Plain struct{}

// Hello returns nil.
func (Plain) Hello() []byte { return nil }

// Request is the payload itself.
func (Plain) Request(payload []byte, _ bool) Request { return newRequest(payload, payload) }

// Next returns the whole frame.
func (Plain) Next(frame []byte) (message, rest []byte) { return frame, nil }

// Lines is for servers that join the messages which wait for a client into one
// frame, with a line feed between them.
type Lines struct{ Plain }

// Next returns the text up to the line feed.
func (Lines) Next(frame []byte) (message, rest []byte) {
	if i := bytes.IndexByte(frame, '\n'); i >= 0 {
		return frame[:i], frame[i+1:]
	}
	return frame, nil
}
