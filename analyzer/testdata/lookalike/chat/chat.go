// Package chat has nothing to do with the library, whatever its names are.
package chat

import (
	"context"

	"github.com/wsgate/wsgate/analyzer/testdata/lookalike/wsgate"
)

type Chat struct{}

func NewChat() Chat { return Chat{} }

var _ wsgate.Opener[int] = (*Chat)(nil)

var _ = wsgate.Route{Path: "/", New: NewChat}

const Said wsgate.Event[any] = "said"

func (*Chat) OnOpen(_ context.Context, c *wsgate.Conn[int]) error {
	go func() { c.Data++ }()
	Said.Emit(c, make(chan int))
	return nil
}

func (*Chat) OnMessage(*wsgate.Conn[int], string) {}
func (*Chat) OnClose()                            {}
func (*Chat) OnConnect()                          {}
func (*Chat) onOpen()                             {}
