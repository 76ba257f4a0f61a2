// Package wsgate is another one than the library.
package wsgate

import "context"

type Conn[D any] struct{ Data D }

type Event[T any] string

func (Event[T]) Emit(to, payload any) error { return nil }

type Route struct {
	Path string
	New  any
}

type Opener[D any] interface {
	OnOpen(ctx context.Context, c *Conn[D]) error
}
