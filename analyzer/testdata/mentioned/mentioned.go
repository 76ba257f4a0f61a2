// Package mentioned has a method that only a test refers to.
package mentioned

import (
	"context"

	"github.com/wsgate/wsgate"
)

type Chat struct{}

func (*Chat) OnOpen(context.Context, *wsgate.Conn[int]) error { return nil }
func (*Chat) events() wsgate.Events[int]                      { return nil } // want `events is not exported`
