package load

import (
	"bytes"
	"strconv"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/cmd/internal/wire"
)

// Protocol encodes messages and recognizes answers. Its methods are called from many goroutines.
type Protocol interface {
	// Request returns message number n of a connection, from 0.
	Request(n uint64) ([]byte, error)
	// Read classifies a message from the server.
	Read(kind websocket.MessageType, data []byte) Reply
}

// Reply is a classified message from the server.
type Reply struct {
	Kind Kind
	N    uint64 // what it answers, if it is an Answer or a Failure
	Err  error  // of a Failure
}

// Kind is a kind of reply.
type Kind int

const (
	Other   Kind = iota // answers nothing
	Answer              // answers message N
	Failure             // says that message N failed
	Next                // answers the oldest message that has no answer
)

// Events sends an event with an id.
type Events struct {
	Envelope *wire.Envelope
	Event    string
	Payload  []byte // JSON, or nil for none
}

func (e *Events) Request(n uint64) ([]byte, error) {
	return e.Envelope.Request(e.Event, strconv.AppendUint(nil, n, 10), e.Payload)
}

func (e *Events) Read(kind websocket.MessageType, data []byte) Reply {
	if kind != websocket.MessageText {
		return Reply{Kind: Other}
	}
	m, err := e.Envelope.Read(data)
	if err != nil {
		return Reply{Kind: Other}
	}
	n, err := strconv.ParseUint(string(m.ID), 10, 64)
	if err != nil {
		return Reply{Kind: Other}
	}
	if m.Failed {
		return Reply{Kind: Failure, N: n, Err: m.Err()}
	}
	return Reply{Kind: Answer, N: n}
}

// Raw sends a text, and takes every message for the answer to the oldest one: for servers that
// echo to the sender and say nothing else.
type Raw struct {
	Text []byte
}

func (r *Raw) Request(uint64) ([]byte, error) { return bytes.Clone(r.Text), nil }

func (r *Raw) Read(websocket.MessageType, []byte) Reply { return Reply{Kind: Next} }
