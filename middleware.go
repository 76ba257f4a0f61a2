package wsgate

import "context"

// Handler handles what happens on a connection, in the untyped form that middleware sees.
type Handler func(ctx context.Context, c AnyConn, in Inbound) error

// Middleware wraps the handling of everything that happens on a connection: its opening, its messages, every event,
// including events that have no handler, and its closing. The first of a list is the outermost, and the App's are
// outside a route's.
//
// Text that a gateway with Events cannot read, such as the heartbeat "ping" of some clients, is a HookMessage, like a
// binary message. A middleware may answer it with [Conn.Send] and return nil. It may also pass an envelope to next in
// its place, from which next makes the event; the client gets no answer to that, because it sent no id. Otherwise next
// returns an error with code [Malformed]. [Limits].Malformed such messages in a row close the connection, whatever the
// middleware does with the error. A message that next does not refuse is not counted, and resets the count.
//
// If the hook panics, next returns a [*PanicError]. The connection is closed, whatever the middleware does with it.
//
// A middleware may answer without calling next, by the error that it returns. It may change what it passes on: the
// context, the event's name, the message. It runs on the connection's goroutine, so it never runs twice at a time for
// one connection. What it returns for a HookClose is only logged.
type Middleware func(next Handler) Handler

// Inbound is what happens on a connection.
type Inbound struct {
	Hook    string  // HookOpen, HookMessage, HookEvent, HookRefresh or HookClose
	Event   string  // of a HookEvent: its name, as the client sent it
	Message Message // of a HookEvent and of a HookMessage, which is every message that is not an event
	Err     error   // of a HookClose: what OnClose gets
}

// The values of Inbound.Hook.
const (
	HookOpen    = "open"
	HookMessage = "message"
	HookRefresh = "refresh" // OnRefresh; the token is not in Inbound
	HookEvent   = "event"
	HookClose   = "close"
)
