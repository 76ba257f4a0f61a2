package client

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// Errors of sending and of the state. Compare with [errors.Is].
var (
	ErrNotConnected = errors.New("client: not connected, the message was not sent")
	ErrDisconnected = errors.New("client: the connection was lost, whether the server has handled the message is not known")
	ErrClosed       = errors.New("client: closed")
)

// RefusedError is the error of a handshake that the server has answered with another status than 101.
type RefusedError struct {
	Status int    // such as 401
	Text   string // the beginning of the body

	retryAfter time.Duration
}

// Error returns the status and the text.
func (e *RefusedError) Error() string {
	text := fmt.Sprintf("client: the server refused the handshake: %d %s", e.Status, http.StatusText(e.Status))
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

// isFinal reports whether another attempt would end in the same way: docs/protocol.md has the table of close codes.
func (c *Client) isFinal(err error) bool {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return !passes(refused.Status)
	}
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		switch code := closed.Code; {
		case code >= 4000:
			return code != wsgate.StatusExpired && (code == wsgate.StatusReplaced || !slices.Contains(c.options.Reconnect, code))
		default:
			return slices.Contains(stayAway, code)
		}
	}
	return errors.Is(err, ErrClosed) || errors.Is(err, websocket.ErrMessageTooBig) || errors.Is(err, errWrongUse)
}

// errWrongUse is the cause of errors that only a change of the program ends.
var errWrongUse = errors.New("client: mistake in the use of the client")

// stayAway are the close codes below 4000 after which the client does not connect again.
var stayAway = []websocket.StatusCode{
	websocket.StatusNormalClosure,
	websocket.StatusProtocolError,
	websocket.StatusUnsupportedData,
	websocket.StatusInvalidFramePayloadData,
	websocket.StatusPolicyViolation,
	websocket.StatusMessageTooBig,
}

// passes reports whether a refusal with that status may be over later.
func passes(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500 && status != http.StatusNotImplemented
}
