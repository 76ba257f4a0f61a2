// Package values has constructors that return gateways as values.
package values

import (
	"context"
	"errors"

	"github.com/wsgate/wsgate"
)

type conn = wsgate.Conn[int]

type Chat struct{ limit int }

func (*Chat) OnOpen(context.Context, *conn) error  { return nil }
func (Chat) OnClose(context.Context, *conn, error) {}

// NewChat is in no route of this package, but a constructor that nobody calls.
func NewChat() Chat { return Chat{limit: 3} } // want `wsgate: constructor values.NewChat returns the value values.Chat, whose hooks are on the pointer: values.Chat has no OnOpen\n\thave values.Chat\n\twant \*values.Chat\n\tfix: return a pointer: \*values.Chat`

func newChecked(limit int) (Chat, error) { // want `values.newChecked`
	if limit < 0 {
		return Chat{}, errors.New("limit")
	}
	check := func() Chat { return Chat{} }
	_ = check
	return Chat{limit}, nil
}

// No fix: what is returned is no literal, or has a name, or is what others call.

func NewVariable() Chat { // want `values.NewVariable`
	c := Chat{}
	c.limit = 2
	return c
}

func NewNamed() (c Chat, err error) { // want `values.NewNamed`
	return
}

func NewDelegated() (Chat, error) { return build() } // want `values.NewDelegated`

type Service struct{}

func (Service) build() Chat { return Chat{} } // want `values.build`

func newCalled() Chat { return Chat{} } // want `values.newCalled`

var _ = newCalled()

func build() (Chat, error) { return Chat{}, nil }

// By routes.

type Generic[T any] struct{ of T }

func makeGeneric[T any]() Generic[T] { return Generic[T]{} } // want `values.makeGeneric returns the value values.Generic\[int\]`

func (*Generic[T]) OnOpen(context.Context, *wsgate.Conn[T]) error { return nil }

func routes(s Service, variable func() Chat) []wsgate.Route {
	return []wsgate.Route{
		{Path: "/a", New: makeGeneric[int]},
		{Path: "/b", New: func() Chat { return Chat{} }}, // want `constructor returns the value values.Chat`
		{Path: "/c", New: s.build},
		{Path: "/d", New: variable}, // want `constructor variable returns the value values.Chat`
		{Path: "/e", New: newCalled},
		{Path: "/f", New: makeGeneric[int]},
		{Path: "/g", New: func() *Chat { return &Chat{} }},
		{Path: "/h", New: func() wsgate.Opener[int] { return &Chat{} }},
	}
}
