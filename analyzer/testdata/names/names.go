// Package names has methods that are called nearly like hooks.
package names

import (
	"context"
	"net/http"

	"github.com/wsgate/wsgate"
)

type conn = wsgate.Conn[int]

type typos struct{}

func (*typos) OnClose(context.Context, *conn, error)                 {}
func (*typos) OnMesage(context.Context, *conn, wsgate.Message) error { return nil }    // want `wsgate: \*names.typos.OnMesage is not a hook and would never be called\n\tfix: did you mean OnMessage\? else choose a name that is less like it`
func (*typos) onOpen(context.Context, *conn) error                   { return nil }    // want `\*names.typos.onOpen is not exported, so it is not a hook and would never be called\n\tfix: did you mean OnOpen\?`
func (*typos) OnUpgarde(*http.Request) (int, error)                  { return 0, nil } // want `OnUpgarde.*\n.*did you mean OnUpgrade\?`

// The methods alone make a gateway, if they are what a gateway has.

type unknown struct{}

func (*unknown) onMessage(context.Context, *conn, wsgate.Message) error { return nil } // want `did you mean OnMessage`
func (*unknown) events() wsgate.Events[int]                             { return nil } // want `did you mean Events`
func (*unknown) OnConnect(context.Context, *conn) error                 { return nil } // want `did you mean OnOpen`

// Names of other libraries, which New refuses even if something calls them.

type nest struct{}

func (n *nest) OnOpen(_ context.Context, c *conn) error {
	n.OnConnect()
	return nil
}

func (*nest) OnConnect()                          {} // want `nest.OnConnect is not a hook and would never be called\n\tfix: did you mean OnOpen\? else choose another name$`
func (*nest) OnDisconnect(context.Context, *conn) {} // want `did you mean OnClose\?`
func (*nest) OnError(error)                       {} // want `did you mean OnClose, whose error says why a connection ended, or middleware`
func (*nest) OnEvent(string, any)                 {} // want `did you mean Events\?`

// No fix: another type of data, another signature, a name that is taken.

type unfixable struct{ OnClose int }

func (*unfixable) OnOpen(context.Context, *conn) error { return nil }

func (*unfixable) OnMesage(context.Context, *wsgate.Conn[string], wsgate.Message) error { return nil } // want `OnMesage`
func (*unfixable) onUpgrade()                                                           {}             // want `onUpgrade`
func (*unfixable) OnClosed(context.Context, *conn, error)                               {}             // want `OnClosed`

// Promoted from a type that is no gateway itself.

type helper struct{}

func (helper) OnOpne() {} // want `\*names.derived.OnOpne`

type derived struct{ helper }

func (*derived) OnClose(context.Context, *conn, error) {}

// Promoted from another package: what New refuses is reported where it is embedded, the rest is not ours to rename.

type foreign struct {
	foreignChat // want `\*names.foreign.OnConnect`
}

func (*foreign) OnOpen(context.Context, *conn) error                    { return nil }
func (*foreign) OnMessage(context.Context, *conn, wsgate.Message) error { return nil }
func (*foreign) OnClose(context.Context, *conn, error)                  {}

// A method of an interface is not renamed.

type pusher interface {
	onOpen(context.Context, *conn) error // want `\*names.pushing.onOpen`
}

type pushing struct{ pusher }

func (*pushing) OnClose(context.Context, *conn, error) {}

// Generic gateways.

type generic[T any] struct{}

func (*generic[A]) OnOpen(context.Context, *wsgate.Conn[A]) error   { return nil }
func (*generic[B]) onClose(context.Context, *wsgate.Conn[B], error) {} // want `\*names.generic\[T\].onClose`

// Two methods cannot both become the hook.

type twice struct{}

func (*twice) OnClose(context.Context, *conn, error) {}
func (*twice) onOpen(context.Context, *conn) error   { return nil } // want `twice.onOpen`
func (*twice) onopen(context.Context, *conn) error   { return nil } // want `twice.onopen`

// Event for Events, which is a good name for what does not return a table.

type singular struct{}

func (*singular) OnClose(context.Context, *conn, error) {}
func (*singular) Event() wsgate.Events[int]             { return nil } // want `\*names.singular.Event is not a hook and would never be called\n\tfix: did you mean Events\? else choose another name$`

type singularAlone struct{}

func (*singularAlone) Event() []wsgate.Binding[int] { return nil } // want `did you mean Events\?`

type singularInUse struct{}

func (g *singularInUse) OnClose(context.Context, *conn, error) { g.Event() }
func (*singularInUse) Event() wsgate.Events[int]               { return nil } // want `did you mean Events\?`

type both struct{}

func (b *both) Events() wsgate.Events[int] { return b.Event() }
func (*both) Event() wsgate.Events[int]    { return nil }

type calendar struct{}

func (*calendar) OnClose(context.Context, *conn, error) {}
func (*calendar) Event() string                         { return "" }
