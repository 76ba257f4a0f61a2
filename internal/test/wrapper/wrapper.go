// Package wrapper binds handlers as a program's own package may, for tests of what is said about its bindings.
package wrapper

import (
	"context"

	"github.com/wsgate/wsgate"
)

// Bind binds a handler by On.
func Bind[D, T any](e wsgate.Event[T], fn func(context.Context, *wsgate.Conn[D], T) error) wsgate.Binding[D] {
	return wsgate.On(e, fn) // in Bind
}

// BindMethod binds a handler by a method.
func BindMethod[D, T any](e wsgate.Event[T], fn func(context.Context, *wsgate.Conn[D], T) error) wsgate.Binding[D] {
	return binder[D, T]{e}.bind(fn) // in BindMethod
}

type binder[D, T any] struct{ event wsgate.Event[T] }

func (b binder[D, T]) bind(fn func(context.Context, *wsgate.Conn[D], T) error) wsgate.Binding[D] {
	return wsgate.On(b.event, fn) // in bind
}
