package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/text"
)

// On calls fn for every event e that arrives and is not an answer. It replaces the function that the client had for e.
// Events without one are errors, see [Options].OnError.
func On[T any](c *Client, e wsgate.Event[T], fn func(context.Context, T)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handlers[string(e)] = func(ctx context.Context, in *envelope.Inbound) error {
		payload, err := envelope.Unmarshal[T](&c.names, in)
		if err != nil {
			return fmt.Errorf("client: event %q: %w", string(e), err)
		}
		fn(ctx, payload)
		return nil
	}
}

// handler handles an event. It returns an error if the payload does not decode.
type handler func(context.Context, *envelope.Inbound) error

// Emit sends an event and returns when it was written, which does not mean that it has arrived. Without a connection it
// returns when the event is in the queue of [Options], or [ErrNotConnected].
func Emit[T any](ctx context.Context, c *Client, e wsgate.Event[T], payload T) error {
	out, err := c.encode(string(e), nil, func(id []byte) ([]byte, error) {
		return envelope.Marshal(&c.names, string(e), id, payload)
	})
	if err != nil {
		return err
	}
	return c.send(ctx, out)
}

// Do sends an event and waits until the server has handled it. Its errors are those of [Call].
func Do[T any](ctx context.Context, c *Client, e wsgate.Event[T], payload T) error {
	_, err := ask(ctx, c, string(e), payload)
	return err
}

// Call asks the server and waits for the answer, for as long as ctx says. An error of the server is a [*wsgate.Error].
// If the connection is lost before the answer, the error is [ErrDisconnected], and the call is not repeated.
func Call[Q, A any](ctx context.Context, c *Client, q wsgate.Call[Q, A], question Q) (answer A, err error) {
	in, err := ask(ctx, c, string(q), question)
	if err != nil {
		return answer, err
	}
	answer, err = envelope.Unmarshal[A](&c.names, in)
	if err != nil {
		err = fmt.Errorf("client: answer to %q: %w", string(q), err)
	}
	return answer, err
}

// ask sends an event with an id and returns the answer.
func ask[T any](ctx context.Context, c *Client, name string, payload T) (*envelope.Inbound, error) {
	asked := c.newCall()
	out, err := c.encode(name, asked, func(id []byte) ([]byte, error) {
		return envelope.Marshal(&c.names, name, id, payload)
	})
	if err != nil {
		return nil, err
	}
	in, err := c.ask(ctx, out)
	if err != nil {
		return nil, err
	}
	if in.IsError() {
		return nil, c.failure(in)
	}
	return in, nil
}

// encode returns the message that marshal makes, for the call if there is one.
func (c *Client) encode(name string, asked *call, marshal func(id []byte) ([]byte, error)) (*outgoing, error) {
	if c.options.OnText != nil && asked != nil {
		return nil, errors.New("client: the client takes texts as they are, see OnText, and so sees no answers")
	}
	if wrong := text.WrongEventName(name); wrong != "" {
		return nil, fmt.Errorf("client: event %q: %s", name, wrong)
	}
	var id []byte
	if asked != nil {
		id = []byte(asked.id)
	}
	data, err := marshal(id)
	if err != nil {
		return nil, fmt.Errorf("client: event %q: %w", name, err)
	}
	return &outgoing{message: wsgate.Message{Type: websocket.MessageText, Data: data}, call: asked}, nil
}

// failure returns the server's error in a message of the type "error".
func (c *Client) failure(in *envelope.Inbound) error {
	f, err := envelope.Unmarshal[envelope.Failure](&c.names, in)
	if err != nil {
		return fmt.Errorf("client: the server's error: %w", err)
	}
	return &wsgate.Error{Code: wsgate.Code(f.Code), Message: f.Message, Details: f.Details}
}
