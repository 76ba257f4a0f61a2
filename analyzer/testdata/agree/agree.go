// Package agree has gateways that the library refuses, and others that it takes. The analyzer has to say the same of
// them, in the same places.
package agree

import (
	"context"
	"net/http"

	"github.com/wsgate/wsgate"
)

type Guest struct{ Name string }

type conn = wsgate.Conn[Guest]

// Wrong are refused.
var Wrong = []wsgate.Route{
	{Path: "/no-context", New: NewNoContext},
	{Path: "/no-error", New: NewNoError},
	{Path: "/value-of-conn", New: NewValueOfConn},
	{Path: "/any-conn", New: NewAnyConn},
	{Path: "/variadic", New: NewVariadic},
	{Path: "/string", New: NewString},
	{Path: "/pointer-to-message", New: NewPointerToMessage},
	{Path: "/close-with-error", New: NewCloseWithError},
	{Path: "/close-nothing", New: NewCloseNothing},
	{Path: "/other-data", New: NewOtherData},
	{Path: "/writer", New: NewWriter},
	{Path: "/slice", New: NewSlice},
	{Path: "/promoted", New: NewPromoted},
	{Path: "/of-value", New: NewOfValue},
	{Path: "/of-both", New: NewOfBoth},
	{Path: "/literal", New: func() OfLiteral { return OfLiteral{} }}, // want `constructor returns the value agree.OfLiteral`
	{Path: "/on-connect", New: NewOnConnect},
}

// Right are taken.
var Right = []wsgate.Route{
	{Path: "/every-hook", New: NewEveryHook},
	{Path: "/events", New: NewEvents},
	{Path: "/generic", New: NewGeneric[Guest]},
	{Path: "/embedding", New: NewEmbedding},
	{Path: "/only-upgrade", New: NewOnlyUpgrade},
	{Path: "/on-value", New: NewOnValue},
	{Path: "/shadowing", New: func() (*Shadowing, error) { return &Shadowing{}, nil }},
}

type NoContext struct{}

func NewNoContext() *NoContext { return &NoContext{} }

func (*NoContext) OnOpen(c *conn) error { return nil } // want `NoContext.OnOpen`

type NoError struct{}

func NewNoError() *NoError { return &NoError{} }

func (*NoError) OnOpen(context.Context, *conn)         {} // want `NoError.OnOpen`
func (*NoError) OnClose(context.Context, *conn, error) {}

type ValueOfConn struct{}

func NewValueOfConn() *ValueOfConn { return &ValueOfConn{} }

func (*ValueOfConn) OnOpen(context.Context, conn) error    { return nil } // want `ValueOfConn.OnOpen`
func (*ValueOfConn) OnClose(context.Context, *conn, error) {}

type AnyConn struct{}

func NewAnyConn() *AnyConn { return &AnyConn{} }

func (*AnyConn) OnOpen(context.Context, wsgate.AnyConn) error { return nil } // want `AnyConn.OnOpen`
func (*AnyConn) OnClose(context.Context, *conn, error)        {}

type Variadic struct{}

func NewVariadic() *Variadic { return &Variadic{} }

func (*Variadic) OnOpen(_ context.Context, _ *conn, more ...string) error { return nil } // want `Variadic.OnOpen`

type String struct{}

func NewString() *String { return &String{} }

func (*String) OnMessage(message string) {} // want `String.OnMessage`

type PointerToMessage struct{}

func NewPointerToMessage() (*PointerToMessage, error) { return &PointerToMessage{}, nil }

func (*PointerToMessage) OnMessage(context.Context, *conn, *wsgate.Message) error { return nil } // want `PointerToMessage.OnMessage`
func (*PointerToMessage) OnOpen(context.Context, *conn) error                     { return nil }

type CloseWithError struct{}

func NewCloseWithError() *CloseWithError { return &CloseWithError{} }

func (*CloseWithError) OnClose(context.Context, *conn, error) error { return nil } // want `CloseWithError.OnClose`

type CloseNothing struct{}

func NewCloseNothing() *CloseNothing { return &CloseNothing{} }

func (*CloseNothing) OnClose() error { return nil } // want `CloseNothing.OnClose`

type OtherData struct{}

func NewOtherData() *OtherData { return &OtherData{} }

func (*OtherData) OnUpgrade(*http.Request) (string, error) { return "", nil } // want `OtherData.OnUpgrade`
func (*OtherData) OnOpen(context.Context, *conn) error     { return nil }

type Writer struct{}

func NewWriter() *Writer { return &Writer{} }

func (*Writer) OnUpgrade(http.ResponseWriter, *http.Request) (Guest, error) { panic(0) } // want `Writer.OnUpgrade`

type Slice struct{}

func NewSlice() *Slice { return &Slice{} }

func (*Slice) Events() []wsgate.Binding[Guest]     { return nil } // want `Slice.Events`
func (*Slice) OnOpen(context.Context, *conn) error { return nil }

type base struct{}

func (base) OnClose(int) {} // want `Promoted.OnClose`

type Promoted struct{ base }

func NewPromoted() *Promoted { return &Promoted{} }

func (*Promoted) OnOpen(context.Context, *conn) error { return nil }

type OfValue struct{}

func NewOfValue() OfValue { return OfValue{} } // want `constructor agree.NewOfValue returns the value agree.OfValue`

func (*OfValue) OnOpen(context.Context, *conn) error { return nil }

type OfBoth struct{}

func NewOfBoth() (OfBoth, error) { return OfBoth{}, nil } // want `agree.OfBoth has no OnOpen\n`

func (*OfBoth) OnOpen(context.Context, *conn) error  { return nil }
func (OfBoth) OnClose(context.Context, *conn, error) {}

type OfLiteral struct{}

func (*OfLiteral) OnOpen(context.Context, *conn) error { return nil }

type OnConnect struct{}

func NewOnConnect() *OnConnect { return &OnConnect{} }

func (*OnConnect) OnConnect(context.Context, *conn) error { return nil } // want `OnConnect.OnConnect is not a hook`
func (*OnConnect) OnClose(context.Context, *conn, error)  {}

type EveryHook struct{}

func NewEveryHook() *EveryHook { return &EveryHook{} }

func (*EveryHook) OnUpgrade(*http.Request) (Guest, error)                    { return Guest{}, nil }
func (*EveryHook) OnOpen(context.Context, *conn) error                       { return nil }
func (*EveryHook) OnMessage(context.Context, *conn, wsgate.Message) error    { return nil }
func (*EveryHook) OnClose(ctx context.Context, c *conn, reason error)        {}
func (g *EveryHook) open(_ context.Context, _ *conn, _ wsgate.Message) error { return nil }

type Events struct{}

func NewEvents() *Events { return &Events{} }

func (g *Events) Events() wsgate.Events[Guest] { return wsgate.Events[Guest]{} }

type Generic[T any] struct{ last T }

func NewGeneric[T any]() *Generic[T] { return &Generic[T]{} }

func (*Generic[A]) OnUpgrade(*http.Request) (data A, err error)     { return }
func (*Generic[B]) OnOpen(context.Context, *wsgate.Conn[B]) error   { return nil }
func (*Generic[_]) OnSomething()                                    {}
func (*Generic[C]) OnClose(context.Context, *wsgate.Conn[C], error) {}

type Embedding struct{ *EveryHook }

func NewEmbedding() Embedding { return Embedding{&EveryHook{}} }

type OnlyUpgrade struct{}

func NewOnlyUpgrade() *OnlyUpgrade { return &OnlyUpgrade{} }

func (*OnlyUpgrade) OnUpgrade(*http.Request) (int, error) { return 0, nil }

type OnValue struct{}

func NewOnValue() OnValue { return OnValue{} }

func (OnValue) OnOpen(context.Context, *conn) error { return nil }

type Shadowing struct{ base }

func (*Shadowing) OnClose(context.Context, *conn, error) {}
