package wsgate

import (
	"errors"

	"github.com/wsgate/wsgate/internal/guard"
)

// safely calls f and turns a panic into a [*PanicError].
func safely(f func() error) error {
	err := guard.Call(f)
	if p, ok := err.(*guard.Panic); ok {
		return publicPanic(p)
	}
	return err
}

func publicPanic(p *guard.Panic) *PanicError {
	return &PanicError{Value: p.Value, Stack: p.Stack, pos: p.Pos}
}

// errGoexit is the cause of the closure when a hook has called runtime.Goexit.
var errGoexit = errors.New("wsgate: a hook called runtime.Goexit")
