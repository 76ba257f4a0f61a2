package wsgate

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/transport"
)

// Error is an error that clients may see. If a hook or handler returns one, as it is or wrapped, it is sent to the
// client as an error frame. If OnUpgrade returns one, it becomes the HTTP status of the refusal. For every other error
// the client gets code [Internal] and the words "internal error", and its text goes to the log.
type Error struct {
	Code    Code   // the kind of error, for programs
	Message string // for people
	Details any    // optional, encoded as JSON; left out if nil
}

// Errorf returns an Error with a formatted message. The message is sent to the client: do not include the text of
// another error that the client must not see.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error returns the code and the message.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Code is the kind of an [Error], as it appears on the wire. Applications may add their own.
type Code string

// The codes that this package sends itself, or turns into an HTTP status when OnUpgrade returns them.
const (
	Malformed       Code = "malformed"       // not JSON, or not an envelope; status 400
	Invalid         Code = "invalid"         // a payload with a wrong type or value; status 400
	UnknownEvent    Code = "unknown_event"   // no event has this name; status 404
	Unsupported     Code = "unsupported"     // the gateway does not accept such messages; status 415
	Unauthenticated Code = "unauthenticated" // the client has not authenticated; status 401
	Denied          Code = "denied"          // not allowed; status 403
	NotFound        Code = "not_found"       // status 404
	Conflict        Code = "conflict"        // status 409
	RateLimited     Code = "rate_limited"    // status 429
	Unavailable     Code = "unavailable"     // try again later; status 503
	Internal        Code = "internal"        // status 500
)

// httpStatus returns the HTTP status for an error of OnUpgrade.
func (c Code) httpStatus() int {
	switch c {
	case Malformed, Invalid:
		return http.StatusBadRequest
	case UnknownEvent, NotFound:
		return http.StatusNotFound
	case Unsupported:
		return http.StatusUnsupportedMediaType
	case Unauthenticated:
		return http.StatusUnauthorized
	case Denied:
		return http.StatusForbidden
	case Conflict:
		return http.StatusConflict
	case RateLimited:
		return http.StatusTooManyRequests
	case Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// temporary reports whether a later retry may succeed.
func (c Code) temporary() bool { return c == Unavailable || c == RateLimited }

// closeStatus returns the close code for an error of OnOpen.
func (c Code) closeStatus() websocket.StatusCode {
	switch {
	case c.temporary():
		return websocket.StatusTryAgainLater
	case c == Internal:
		return websocket.StatusInternalError
	}
	return websocket.StatusPolicyViolation
}

// Causes with which a connection can end. OnClose gets them, and context.Cause returns them for a handler's context.
// Sending to a connection that is closing or closed returns ErrClosed. Compare with [errors.Is].
var (
	ErrClosed      = transport.ErrClosed      // the connection is closing or closed
	ErrSlowClient  = transport.ErrSlowClient  // the client did not read what was sent to it, or too slowly
	ErrPingTimeout = transport.ErrPingTimeout // the client was silent and did not answer a ping
	ErrLimit       = transport.ErrLimit       // one of [Limits] was exceeded

	ErrExpired  = errors.New("wsgate: session expired")      // the session of the connection has ended; close code 4401
	ErrShutdown = errors.New("wsgate: App is shutting down") // the App closes every connection; close code 1012
)

// PanicError is the error that OnClose gets for a connection that ended by a panic in one of its hooks, handlers or
// middleware.
type PanicError struct {
	Value any    // the value passed to panic
	Stack []byte // the stack, as runtime/debug.Stack prints it

	pos string // file:line of the panic
}

// Error returns a text with the panic's value.
func (e *PanicError) Error() string { return fmt.Sprintf("wsgate: panic: %v", e.Value) }

// asClientError returns the part of err that a client may see; ok is false if that is only "internal error".
func asClientError(err error) (e *Error, ok bool) {
	if errors.As(err, &e) && e != nil {
		return e, true
	}
	if errors.Is(err, ErrBroker) { // already logged when the broker went away
		return &Error{Code: Unavailable, Message: "not everybody can be reached"}, true
	}
	return &Error{Code: Internal, Message: "internal error"}, false
}

// asCloseError reports whether err asks for a close frame.
func asCloseError(err error) (e websocket.CloseError, ok bool) {
	ok = errors.As(err, &e)
	return e, ok
}
