package wsgate

import "context"

// Handler handles what happens on a connection, in the untyped form that middleware sees.
type Handler func(ctx context.Context, c AnyConn, in Inbound) error

// Middleware wraps the handling of everything that happens on a connection: its opening, its messages, every event,
// also one that no handler is bound to, and its closing. The first of a list is the outermost, and the App's
// are outside a route's.
//
// Text that a gateway with Events cannot read, as the heartbeat "ping" of some clients, is a HookMessage, like a binary
// message. A middleware may answer it with [Conn.Send] and return nil, or hand on an envelope in its place, of which next
// makes the event; the client gets no answer to that, as it gave no id. Otherwise next returns an error with code
// [Malformed], and [Limits].Malformed of those in a row close the connection, whatever the middleware makes of the error.
// What next does not refuse is not counted, and begins a new row.
//
// A panic of the hook is the error of next, a [*PanicError]; the connection is closed whatever the middleware makes of it.
//
// A middleware may answer without calling next, by its error; it may change what it passes on: the context, the event's
// name, the message. It runs on the connection's goroutine, so for one connection never twice at a time. What a
// HookClose returns is only logged.
type Middleware func(next Handler) Handler

// Inbound is what happens on a connection.
type Inbound struct {
	Hook    string  // HookOpen, HookMessage, HookEvent or HookClose
	Event   string  // of a HookEvent: its name, as the client sent it
	Message Message // of a HookEvent and of a HookMessage, which is every message that is no event
	Err     error   // of a HookClose: what OnClose gets
}

// The values of Inbound.Hook.
const (
	HookOpen    = "open"
	HookMessage = "message"
	HookEvent   = "event"
	HookClose   = "close"
)
