package wsgate

import (
	"context"
	"net/http"
	"reflect"
)

// The interfaces in this file list the hooks that a gateway may implement. All are optional and found by reflection. To
// have the compiler check a signature, declare
//
//	var _ wsgate.Opener[Member] = (*Chat)(nil)
//
// D is the type of a connection's own data, the same in every hook of a gateway. A hook that is promoted from an
// embedded struct counts.
//
// The hooks of one connection run one at a time. One gateway value serves all connections of its route: they share its
// fields, which therefore need a lock.

// Upgrader is implemented by a gateway that sees the HTTP request before it becomes a WebSocket.
//
// OnUpgrade turns the request into the connection's data or refuses it: an [*Error] becomes the HTTP status of its
// code, any other error 500. It is called when everything else about the request is right: it is a proper upgrade,
// from an allowed origin, with a subprotocol that both sides know.
//
// The request belongs to the HTTP server and its routers, and so do the values of its context. They reuse them
// afterwards. So what a hook needs later has to go into the data, or through [Options].ConnContext into the contexts
// of all hooks. The request's context ends when the client is gone or [Limits].Handshake is over, and the client is
// answered then. An OnUpgrade that is still running may use the request until it returns.
//
// A gateway without OnUpgrade accepts every request and starts with a zero D.
type Upgrader[D any] interface {
	OnUpgrade(r *http.Request) (D, error)
}

// Opener is implemented by a gateway that wants to know when a connection is open.
//
// No message is handled before OnOpen has returned nil. If it returns an error, the connection closes and OnClose is
// not called. An [*Error] closes it with its message and 1013 for the codes [Unavailable] and [RateLimited], 1011 for
// [Internal] and 1008 for others, after which clients do not reconnect by themselves. A [websocket.CloseError] closes
// it with its own frame, any other error with 1011.
//
// [websocket.CloseError]: https://pkg.go.dev/github.com/coder/websocket#CloseError
type Opener[D any] interface {
	OnOpen(ctx context.Context, c *Conn[D]) error
}

// MessageHandler is implemented by a gateway that takes messages as they are. The package comment says what its error
// does.
type MessageHandler[D any] interface {
	OnMessage(ctx context.Context, c *Conn[D], m Message) error
}

// Refresher is implemented by a gateway whose sessions can go on after the time at which they end, which the data tells by
// a method
//
//	ExpiresAt() time.Time
//
// OnRefresh returns the connection's new data, with a later time. It is first asked without a token, [Limits].Refresh
// before the end or somewhat earlier: the server may know by itself that the session goes on. An [*Error] with code
// [Unauthenticated] means that it does not: the client is asked for a token, and OnRefresh is called with what it
// answers. A client may also send a token unasked. [Hub.Refresh] has OnRefresh asked at once.
//
// What OnRefresh returns takes the place of c.Data. OnRefresh never overlaps another hook or handler of the connection,
// so it needs no lock. If the new data has another UserID, the connection closes with [StatusExpired].
//
// Without a token, an error with code Unavailable or RateLimited, and one that is no *Error, has OnRefresh asked again
// soon; any other *Error closes the connection, as it does for OnOpen. With a token, an error is the client's answer, and
// changes nothing. If the session is still not renewed when [Limits].RefreshGrace has passed since its end, the
// connection closes with StatusExpired and the cause [ErrExpired].
//
// A token is a secret. It never stands in a log line of this package: if an error of OnRefresh has it in its text, it is
// left out.
type Refresher[D any] interface {
	OnRefresh(ctx context.Context, c *Conn[D], token string) (D, error)
}

// Closer is implemented by a gateway that wants to know when a connection has ended.
//
// OnClose is called exactly once for every OnOpen that returned nil, after the last handler has returned. Without
// OnOpen, it is called for every accepted connection. err is nil after a normal close by either side. Otherwise it
// says why the connection ended: see [ErrSlowClient] and the other causes below. If the client closed with a code
// other than 1000 and 1001, err is a websocket.CloseError. The connection is still listed in its rooms, but nothing is
// delivered to it any more.
//
// Unlike a handler's context, ctx is not cancelled when the connection ends, so that it can still be used to save
// something. It is cancelled when [App.Shutdown] runs out of time.
type Closer[D any] interface {
	OnClose(ctx context.Context, c *Conn[D], err error)
}

// EventHandler is implemented by a gateway that speaks typed events: JSON messages with a name and a payload. Events
// is called once, right after the gateway was built. A gateway has OnMessage or Events, not both. A gateway with
// neither only pushes, and what its clients send is answered with code [Unsupported].
type EventHandler[D any] interface {
	Events() Events[D]
}

// connType is implemented by *Conn[D] for every D. Registration finds one in the gateway's signatures; its methods,
// instantiated for that D, do the rest without reflection.
type connType interface {
	AnyConn
	// signatures returns the types of the hooks of a gateway with this D.
	signatures() map[string]any
	// dataType returns D.
	dataType() reflect.Type
	// hooks binds the hooks of a gateway whose signatures were checked.
	hooks(gateway any) hooks
}

// hooks are a gateway's hooks with D erased. Missing ones are nil.
type hooks struct {
	attach  func(base *conn, data any) AnyConn
	upgrade func(*http.Request) (any, error)
	open    func(context.Context, AnyConn) error
	message func(context.Context, AnyConn, Message) error
	refresh func(ctx context.Context, c AnyConn, token string) (data any, err error)
	replace func(c AnyConn, data any) // sets the data
	close   func(context.Context, AnyConn, error)
	events  func() []binding
}

func (*Conn[D]) dataType() reflect.Type { return reflect.TypeFor[D]() }

func (*Conn[D]) hooks(gateway any) hooks {
	h := hooks{attach: func(base *conn, data any) AnyConn {
		c := &Conn[D]{conn: base}
		if data != nil {
			c.Data = data.(D)
		}
		base.self = c
		return c
	}}
	if g, ok := gateway.(Upgrader[D]); ok {
		h.upgrade = func(r *http.Request) (any, error) { return g.OnUpgrade(r) }
	}
	if g, ok := gateway.(Opener[D]); ok {
		h.open = func(ctx context.Context, c AnyConn) error { return g.OnOpen(ctx, c.(*Conn[D])) }
	}
	if g, ok := gateway.(MessageHandler[D]); ok {
		h.message = func(ctx context.Context, c AnyConn, m Message) error { return g.OnMessage(ctx, c.(*Conn[D]), m) }
	}
	if g, ok := gateway.(Refresher[D]); ok {
		h.refresh = func(ctx context.Context, c AnyConn, token string) (any, error) {
			return g.OnRefresh(ctx, c.(*Conn[D]), token)
		}
		h.replace = func(c AnyConn, data any) { c.(*Conn[D]).Data, _ = data.(D) }
	}
	if g, ok := gateway.(Closer[D]); ok {
		h.close = func(ctx context.Context, c AnyConn, err error) { g.OnClose(ctx, c.(*Conn[D]), err) }
	}
	if g, ok := gateway.(EventHandler[D]); ok {
		h.events = func() []binding { return g.Events().erase() }
	}
	return h
}
