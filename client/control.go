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

// control handles a message of the protocol itself, whose name begins with "$". It ignores what it does not know: the
// server may be newer.
func (l *link) control(living context.Context, in *envelope.Inbound) {
	switch string(in.Type) {
	case envelope.Reconnect:
		l.move(living)
	case envelope.Expiring:
		if l.client.options.Refresh != nil && l.refreshing.CompareAndSwap(false, true) {
			l.helpers.Go(func() {
				defer l.refreshing.Store(false)
				l.refresh(living)
			})
		}
	}
}

// refresh gives the server a token. An error is for OnError, unless the connection ends: then the next handshake tells.
func (l *link) refresh(living context.Context) {
	c := l.client
	var token string
	err := c.safely(func() (err error) {
		token, err = c.options.Refresh(living)
		return err
	})
	if err == nil {
		err = c.sendToken(living, token)
	}
	if err == nil || living.Err() != nil || errors.Is(err, ErrClosed) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inbox.add(arrival{err: fmt.Errorf("client: the session was not renewed: %w", err)})
}

// sendToken sends a token and waits for the answer.
func (c *Client) sendToken(ctx context.Context, token string) error {
	asked := c.newCall()
	data, err := envelope.Marshal(&c.names, envelope.Refresh, []byte(asked.id), envelope.Token{Token: token})
	if err != nil {
		return err
	}
	in, err := c.ask(ctx, &outgoing{message: wsgate.Message{Type: websocket.MessageText, Data: data}, call: asked})
	if err != nil || !in.IsError() {
		return err
	}
	err = c.failure(in)
	if clean, had := text.Without(err.Error(), token); had {
		return errors.New(clean)
	}
	return err
}
