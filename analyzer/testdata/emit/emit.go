// Package emit drops errors of Event.Emit.
package emit

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"time"
	"unsafe"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/analyzer/testdata/emit/model"
)

type (
	line struct {
		From string    `json:"from"`
		Seq  int64     `json:"seq,omitempty"`
		At   time.Time `json:"at"`
		Tags []string
		base
		*Named
		secret  any
		Skipped any `json:"-"`
	}
	base  struct{ Hidden, Score float64 }
	Named struct{ Names map[string]*line }

	tree struct{ Children []*tree }

	// streaming has the method of encoding/json/v2, with what stands for its encoder.
	streaming struct{}
	Encoder   struct{}

	open struct {
		Name  string
		Items []struct{ Value any }
	}
	deep struct {
		Rows map[string][2]*struct{ Done chan int }
	}

	inner    struct{ Fn func() }
	embedded struct{ inner }
	number   int

	own     struct{}
	ownText struct{}
	onPtr   struct{ V any }
	alias   = open
)

func (own) MarshalJSON() ([]byte, error) { return nil, errors.New("never") }

func (ownText) MarshalText() ([]byte, error) { return nil, nil } // want MarshalText:"never fails"

func (*onPtr) MarshalJSON() ([]byte, error) { return nil, nil } // want MarshalJSON:"never fails"

func (number) String() string { return "" }

// All of these are safe.
func safe(c wsgate.AnyConn, room wsgate.Room) {
	wsgate.Event[string]("e").Emit(c, "x")
	wsgate.Event[int]("e").Emit(room, 1)
	wsgate.Event[float64]("e").Emit(room, 1)
	wsgate.Event[[]byte]("e").Emit(room, nil)
	wsgate.Event[struct{}]("e").Emit(room, struct{}{})
	wsgate.Event[line]("e").Emit(room, line{})
	wsgate.Event[*line]("e").Emit(room, nil)
	wsgate.Event[tree]("e").Emit(room, tree{})
	wsgate.Event[map[number][]bool]("e").Emit(room, nil)
	wsgate.Event[map[ownText]int]("e").Emit(room, nil)
	wsgate.Event[model.Role]("e").Emit(room, 1)
	wsgate.Event[model.Delegating]("e").Emit(room, model.Delegating{})
	wsgate.Event[map[model.Chained]int]("e").Emit(room, nil)
	wsgate.Event[*model.Recursive]("e").Emit(room, nil)
	wsgate.Event[model.Appending]("e").Emit(room, model.Appending{})
	wsgate.Event[model.Stamp]("e").Emit(room, model.Stamp{})
	wsgate.Event[model.Other]("e").Emit(room, model.Other{})
	wsgate.Event[model.Generic[any]]("e").Emit(room, model.Generic[any]{})
	wsgate.Event[struct{ Addr netip.Addr }]("e").Emit(room, struct{ Addr netip.Addr }{})
	wsgate.Event[any]("e").Emit(room, line{}) // what is passed is known
	wsgate.Event[any]("e").Emit(room, "x")
	wsgate.Event[any]("e").Emit(room, nil)
}

type (
	hiddenLine struct{ from, text string }
	hiddenBase struct{ hiddenLine }
	hiddenOwn  struct{ from string }
	hiddenDash struct {
		from string
		Text string `json:"-"`
	}
	hiddenBlank struct{ _ struct{} }
	hiddenParts struct {
		Lines map[string][]*hiddenLine
	}
	hiddenTree struct {
		own   hiddenLine
		Trees []hiddenTree
	}
)

func (*hiddenOwn) MarshalJSON() ([]byte, error) { return nil, nil } // want MarshalJSON:"never fails"

// Of these nothing arrives, or not all.
func hidden(c wsgate.AnyConn) error {
	_ = wsgate.Event[hiddenLine]("e").Emit(c, hiddenLine{})      // want `wsgate: the payload of wsgate.Event\[hiddenLine\]\("e"\).Emit has fields that JSON does not see, and arrives without them\n\thave emit.hiddenLine, all of whose fields are unexported\n\tfix: export them`
	wsgate.Event[*hiddenBase]("e").Emit(c, nil)                  // want `have emit.hiddenBase, all`
	go wsgate.Event[[]hiddenLine]("e").Emit(c, nil)              // want `have emit.hiddenLine, all`
	wsgate.Event[any]("e").Emit(c, hiddenLine{})                 // want `have emit.hiddenLine, all`
	wsgate.Event[hiddenOwn]("e").Emit(c, hiddenOwn{})            // it marshals itself
	wsgate.Event[hiddenDash]("e").Emit(c, hiddenDash{})          // on purpose
	wsgate.Event[hiddenBlank]("e").Emit(c, hiddenBlank{})        // nothing to see
	wsgate.Event[hiddenTree]("e").Emit(c, hiddenTree{})          // there is something
	return wsgate.Event[hiddenParts]("e").Emit(c, hiddenParts{}) // want `have emit.hiddenLine, all`
}

// These can fail, and somebody looks.
func handled(ctx context.Context, c *wsgate.Conn[int], e wsgate.Event[any], v any) error {
	_ = e.Emit(c, v)
	if err := e.Emit(c, v); err != nil {
		return err
	}
	defer func() { _ = e.Emit(c, v) }()
	emit := e.Emit
	emit(c, v) // nobody follows variables
	return errors.Join(e.Emit(c, v), e.Emit(c.All(), v))
}

func generic[T any](c wsgate.AnyConn, e wsgate.Event[T], v T) {
	e.Emit(c, v) // who instantiates it knows
	wsgate.Event[[]T]("e").Emit(c, []T{v})
	wsgate.Event[map[string]any]("e").Emit(c, nil) // want `can fail`
}

func (streaming) MarshalJSONTo(*Encoder) error { return errors.New("no") }

const Open wsgate.Event[open] = "open"

func dropped(c wsgate.AnyConn, room wsgate.Room, v any) {
	Open.Emit(c, open{})                                                             // want `wsgate: the error of Open.Emit is dropped, and its payload can fail to encode\n\thave a payload of type emit.open, whose Items\[\].Value is any, which may hold what JSON cannot\n\tfix: handle the error; if it does not matter, say so: _ = Open.Emit\(...\)`
	Open.Emit(c, open{})                                                             // want `Open.Emit`
	go Open.Emit(c, open{})                                                          // want `say so: go func\(\) { _ = Open.Emit\(...\) }\(\)`
	defer Open.Emit(c, open{})                                                       // want `say so: defer func\(\) { _ = Open.Emit\(...\) }\(\)`
	func() { Open.Emit(c, open{}) }()                                                // want `Open.Emit`
	wsgate.Event[open].Emit(Open, c, open{})                                         // want `dropped`
	wsgate.Event[alias]("e").Emit(c, alias{})                                        // want `Items`
	wsgate.Event[any]("e").Emit(c, v)                                                // want `a payload of type any, which may hold`
	wsgate.Event[any]("e").Emit(c, open{})                                           // want `a payload of type emit.open, whose Items`
	wsgate.Event[error]("e").Emit(c, nil)                                            // a nil is null
	wsgate.Event[chan int]("e").Emit(c, nil)                                         // want `a payload of type chan int, which JSON does not have`
	wsgate.Event[complex128]("e").Emit(c, 1)                                         // want `JSON does not have`
	wsgate.Event[unsafe.Pointer]("e").Emit(c, nil)                                   // want `JSON does not have`
	wsgate.Event[deep]("e").Emit(room, deep{})                                       // want `whose Rows\[\]\[\].Done is chan int, which JSON does not have`
	wsgate.Event[embedded]("e").Emit(room, embedded{})                               // want `whose inner.Fn is func\(\), which JSON does not have`
	wsgate.Event[map[float64]int]("e").Emit(room, nil)                               // want `whose keys are no text`
	wsgate.Event[map[any]int]("e").Emit(room, nil)                                   // want `whose keys are no text`
	wsgate.Event[map[model.Checked]int]("e").Emit(room, nil)                         // want `the MarshalText of whose keys may return an error`
	wsgate.Event[own]("e").Emit(room, own{})                                         // want `a payload of type emit.own, whose MarshalJSON may return an error`
	wsgate.Event[[]onPtr]("e").Emit(room, nil)                                       // want `whose \[\].V is any`
	wsgate.Event[json.RawMessage]("e").Emit(room, nil)                               // want `a payload of type json.RawMessage, which may not be valid JSON`
	wsgate.Event[[]streaming]("e").Emit(room, nil)                                   // want `whose \[\] is emit.streaming, whose MarshalJSONTo may return an error`
	wsgate.Event[struct{ N json.Number }]("e").Emit(room, struct{ N json.Number }{}) // want `json.Number`
	wsgate.Event[model.Checked]("e").Emit(room, 1)                                   // want `model.Checked, whose MarshalText may return an error`
	wsgate.Event[model.DelegatingAny]("e").Emit(room, model.DelegatingAny{})         // want `MarshalJSON`
	wsgate.Event[model.ChainedChecked]("e").Emit(room, model.ChainedChecked{})       // want `MarshalText`
	wsgate.Event[model.Ping]("e").Emit(room, model.Ping{})                           // want `MarshalJSON`
	wsgate.Event[model.Pong]("e").Emit(room, model.Pong{})                           // want `MarshalJSON`
	wsgate.Event[model.Naked]("e").Emit(room, model.Naked{})                         // want `MarshalJSON`
	wsgate.Event[model.Dynamic]("e").Emit(room, model.Dynamic{})                     // want `MarshalJSON`
	wsgate.Event[model.Elsewhere]("e").Emit(room, model.Elsewhere{})                 // want `MarshalJSON`
	wsgate.Event[model.Interface]("e").Emit(room, model.Interface{})                 // want `MarshalJSON`
}
