package wstest

import (
	"context"
	"testing"

	"github.com/wsgate/wsgate"
)

// NewConn returns a connection for calling one handler directly, like httptest.NewRecorder for HTTP, and its client,
// which records what the handler sends. The connection is a real one, the only one in an App of its own. Its path is
// "/". Its Data is the zero value until the test sets it.
//
//	c, client := wstest.NewConn[Member](t)
//	c.Data.Name = "ann"
//	if err := chat.onSay(t.Context(), c, "hello"); err != nil { ... }
//	got := wstest.Next(client, Said)
func NewConn[D any](t testing.TB, options ...Option) (*wsgate.Conn[D], *Client) {
	t.Helper()
	opened := make(chan *wsgate.Conn[D], 1)
	module := &wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *bare[D] { return &bare[D]{opened} }}}}
	client := New(t, module, options...).Dial("/")
	return <-opened, client
}

// bare is a gateway that does nothing.
type bare[D any] struct{ opened chan *wsgate.Conn[D] }

func (b *bare[D]) OnOpen(_ context.Context, c *wsgate.Conn[D]) error {
	b.opened <- c
	return nil
}
