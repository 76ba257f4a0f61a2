// Package signatures has hooks with wrong signatures, found by every way there is to know a gateway type.
package signatures

import (
	"context"
	"net/http"

	"github.com/wsgate/wsgate"
)

type Member struct{}

type conn = wsgate.Conn[Member]

// By a hook that is right.

type byHook struct{}

func (*byHook) OnOpen(context.Context, *conn) error { return nil }
func (*byHook) OnClose() error                      { return nil } // want `wsgate: \*signatures.byHook.OnClose\n\thave func\(\) error\n\twant func\(context.Context, \*wsgate.Conn\[signatures.Member\], error\)$`
func (*byHook) OnMessage(m string)                  {}             // want `byHook.OnMessage\n\thave func\(string\)`

type byEvents struct{}

func (*byEvents) Events() wsgate.Events[Member] { return nil }
func (*byEvents) OnOpen() (a, b int)            { return } // want `have func\(\) \(int, int\)\n\twant func\(context.Context, \*wsgate.Conn\[signatures.Member\]\) error`

// By a connection in the wrong signature itself.

type bytes struct{}

func (*bytes) OnMessage(c *conn, data []byte) {} // want `want func\(context.Context, \*wsgate.Conn\[signatures.Member\], wsgate.Message\) error`

type bindings struct{}

func (*bindings) Events() []wsgate.Binding[Member] { return nil } // want `have func\(\) \[\]wsgate.Binding\[signatures.Member\]\n\twant func\(\) wsgate.Events\[D\] for a D of your choice`

// By an assertion.

var (
	_ wsgate.Upgrader[string] = (*asserted)(nil)
	_ wsgate.Upgrader[string] = assertedValue{}
)

type asserted struct{}

func (*asserted) OnUpgrade(*http.Request) (string, error) { return "", nil }
func (*asserted) OnOpen(id int)                           {} // want `asserted.OnOpen\n\thave func\(int\)\n\twant func\(context.Context, \*wsgate.Conn\[D\]\) error for a D of your choice`

type assertedValue struct{}

func (assertedValue) OnUpgrade(*http.Request) (string, error) { return "", nil }
func (assertedValue) OnClose()                                {} // want `assertedValue.OnClose`

// By a route.

type routed[T any] struct{ of T }

func newRouted[T any]() (*routed[T], error) { return nil, nil }

func (*routed[T]) OnMessage(text string) error { return nil } // want `\*signatures.routed\[T\].OnMessage`

type assigned struct{}

func (*assigned) OnOpen() {} // want `assigned.OnOpen`

type registered struct{}

func (*registered) OnOpen() {} // want `registered.OnOpen`

type throughVariable struct{}

func (*throughVariable) OnOpen() {} // want `throughVariable.OnOpen`

type constructor func() *throughVariable

func routes(c constructor, factory struct{ build func() *registered }) []*wsgate.Route {
	var r wsgate.Registry
	_ = r.Register("/registered", factory.build)
	route := wsgate.Route{Path: "/assigned"}
	route.New = func(wanted *http.Client) *assigned { return nil }
	return []*wsgate.Route{
		{Path: "/routed", New: newRouted[int]},
		{Path: "/variable", New: c},
		{New: nil},
		{Path: "/no function", New: "NewChat"},
		{Path: "/no constructor", New: func() {}},
		{Path: "/error", New: func() error { return nil }},
		&route,
	}
}

// Two types of data: the one that more hooks name is meant.

type odd struct{}

func (*odd) OnOpen(context.Context, *wsgate.Conn[int]) error        { return nil } // want `\n\thave func\(context.Context, \*wsgate.Conn\[int\]\) error\n\twant func\(context.Context, \*wsgate.Conn\[signatures.Member\]\) error\n\tfix: one connection has one type of data, and OnMessage has signatures.Member: use it in every hook`
func (*odd) OnMessage(context.Context, *conn, wsgate.Message) error { return nil }
func (*odd) OnClose(context.Context, *conn, error)                  {}
func (*odd) OnUpgrade(*http.Request) (int, error)                   { return 0, nil } // want `want func\(\*http.Request\) \(signatures.Member, error\)`

type tie struct{}

func (*tie) OnOpen(context.Context, *conn) error { return nil }
func (*tie) Events() wsgate.Events[int]          { return nil } // want `and OnOpen has signatures.Member`

// A right hook has more weight than wrong ones.

type outvoted struct{}

func (*outvoted) OnOpen(*wsgate.Conn[int]) error                    { return nil } // want `and OnClose has signatures.Member`
func (*outvoted) OnMessage(*wsgate.Conn[int], wsgate.Message) error { return nil } // want `and OnClose has signatures.Member`
func (*outvoted) OnClose(context.Context, *conn, error)             {}

// Generic gateways have parameters of their own in every method.

type generic[K comparable, V any] struct{ m map[K]V }

func (*generic[A, B]) OnOpen(context.Context, *wsgate.Conn[map[A]B]) error { return nil }
func (*generic[X, Y]) OnClose(context.Context, *wsgate.Conn[map[X]Y])      {}           // want `\*signatures.generic\[K, V\].OnClose\n\thave func\(context.Context, \*wsgate.Conn\[map\[K\]V\]\)\n\twant func\(context.Context, \*wsgate.Conn\[map\[K\]V\], error\)`
func (*generic[X, Y]) OnUpgrade(*http.Request) (Y, error)                  { panic(0) } // want `have func\(\*http.Request\) \(V, error\)\n\twant func\(\*http.Request\) \(map\[K\]V, error\)`

// Promoted hooks.

type wrongBase struct{}

func (wrongBase) OnClose(int) {} // want `\*signatures.derived.OnClose\n\thave func\(int\)`

type derived struct{ wrongBase }

func (*derived) OnOpen(context.Context, *conn) error { return nil }

type derivedToo struct{ *derived }

type foreign struct {
	http.Header
	*closer // want `\*signatures.foreign.OnClose` `signatures.foreign.OnMessage` `foreign.OnConnect is not a hook`
}

func (*foreign) OnOpen(context.Context, *conn) error { return nil }

type genericBase[T any] struct{}

func (*genericBase[T]) OnOpen(*wsgate.Conn[T]) error { return nil } // want `\*signatures.genericBase\[T\].OnOpen\n\thave func\(\*wsgate.Conn\[T\]\) error\n\twant func\(context.Context, \*wsgate.Conn\[T\]\) error`

type ofGenericBase struct{ genericBase[Member] }

func (*ofGenericBase) OnClose(context.Context, *conn, error) {}

// A type of one's own around a connection is no *Conn.

type session struct{ *conn }

type wrapping struct{}

func (*wrapping) OnOpen(context.Context, *session) error { return nil } // want `have func\(context.Context, \*signatures.session\) error`
func (*wrapping) OnClose(context.Context, *conn, error)  {}
