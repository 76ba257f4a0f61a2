package kit

import (
	"errors"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// What OnClose may be told, as conditions.

func IsCloseError(code websocket.StatusCode, reason string) func(error) bool {
	return func(err error) bool {
		var ce websocket.CloseError
		return errors.As(err, &ce) && ce == websocket.CloseError{Code: code, Reason: reason}
	}
}

func IsError(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func IsNil(err error) bool { return err == nil }

func IsPanic(value any) func(error) bool {
	return func(err error) bool {
		var p *wsgate.PanicError
		return errors.As(err, &p) && p.Value == value
	}
}
