// Package clean uses the library and has names like hooks that are none of its business.
package clean

import (
	"context"
	"net/http"

	"github.com/wsgate/wsgate"
)

type Member struct{ Name string }

type conn = wsgate.Conn[Member]

// Broker is no gateway: nothing in its methods is the library's.
type Broker struct{}

func (*Broker) OnMessage(topic string, payload []byte) {}
func (*Broker) OnConnect()                             {}
func (*Broker) OnError(error)                          {}
func (*Broker) onOpen()                                {}
func (*Broker) Events() <-chan string                  { return nil }

// Proxy is no gateway either: an OnUpgrade may be anybody's.
type Proxy struct{}

func (*Proxy) OnUpgrade(*http.Request) (*http.Response, error) { return nil, nil }
func (*Proxy) OnClose()                                        {}

// Auditor is a helper that gateways call, from other packages as well: its Track takes a connection, but no method
// that looks like a hook does.
type Auditor struct{}

func (*Auditor) Track(*conn)              {}
func (*Auditor) OnError(err error)        {}
func (*Auditor) OnOpen(c wsgate.AnyConn)  {}
func (*Auditor) OnMessage(wsgate.Message) {}

// presence is a helper whose methods are called.
type presence struct{}

func (*presence) OnOpen(c *conn)  {}
func (*presence) onClose(c *conn) {}
func (*presence) OnConnect(*conn) {}

// Chat has helpers and handlers with names like hooks, which something refers to.
type Chat struct {
	presence presence
	on       func(*conn)
}

var (
	_ wsgate.Opener[Member]       = (*Chat)(nil)
	_ wsgate.EventHandler[Member] = (*Chat)(nil)
	_ http.Handler                = (*Chat)(nil)
)

const (
	Say     wsgate.Event[string]        = "say"
	Opened  wsgate.Event[string]        = "opened"
	Lookups wsgate.Call[string, Member] = "lookup"
)

func NewChat() *Chat { return &Chat{} }

func (g *Chat) OnOpen(_ context.Context, c *conn) error {
	g.presence.OnOpen(c)
	g.presence.OnConnect(c)
	return g.onOpened(c)
}

func (g *Chat) OnClose(_ context.Context, c *conn, _ error) {
	g.presence.onClose(c)
	finish(g)
}

func (g *Chat) Events() wsgate.Events[Member] {
	return wsgate.Events[Member]{
		wsgate.On(Say, g.onMessage),
		wsgate.On(Opened, wrap((*Chat).onOpen, g)),
		wsgate.Answer(Lookups, g.lookup),
	}
}

// wrap makes a handler of a method expression.
func wrap(fn func(*Chat, *conn, string) error, g *Chat) func(context.Context, *conn, string) error {
	return func(_ context.Context, c *conn, s string) error { return fn(g, c, s) }
}

func (g *Chat) onOpen(*conn, string) error                            { return nil }
func (g *Chat) onMessage(context.Context, *conn, string) error        { return nil }
func (g *Chat) onOpened(c *conn) error                                { return nil }
func (g *Chat) lookup(context.Context, *conn, string) (Member, error) { return Member{}, nil }
func (g *Chat) OnJoin(*conn)                                          {}
func (g *Chat) OnTyping(*conn)                                        {}
func (g *Chat) Event()                                                {}
func (g *Chat) Close()                                                {}
func (g *Chat) ServeHTTP(http.ResponseWriter, *http.Request)          {}

// finish calls a method through an interface.
func finish(f interface{ onClosed() }) { f.onClosed() }

func (g *Chat) onClosed() {}

// Value has its hooks on the value.
type Value struct{}

func NewValue() Value { return Value{} }

func (Value) OnOpen(context.Context, *conn) error { return nil }

// Built is a value that a constructor makes for its own use.
type Built struct{}

func newBuilt() Built { return Built{} }

func NewBuilt() *Built {
	b := newBuilt()
	return &b
}

func (*Built) OnOpen(context.Context, *conn) error { return nil }

// blank is not returned by a constructor.
func blank() Built { return Built{} }

// Interfaces and aliases have no methods to check.
type Hooks interface {
	OnOpen(*conn)
	OnConnect(*conn)
}

type Alias = Broker

type function func(context.Context, *conn)

func (f function) onSay(context.Context, *conn) {}

// Module is how they are put together.
var Module = &wsgate.Module{
	Provide: []any{blank},
	Gateways: []wsgate.Route{
		{Path: "/chat", New: NewChat},
		{Path: "/value", New: NewValue},
		{Path: "/built", New: NewBuilt},
	},
}
