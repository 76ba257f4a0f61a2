package wsgate

import (
	"errors"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/transport"
)

// ending is why a connection ended, as it is counted.
type ending struct {
	cause string
	code  websocket.StatusCode
}

// The causes of [RouteStats].Closed.
const (
	byClient      = "client"
	byApplication = "application"
	refused       = "refused"
	replaced      = "replaced"
	expired       = "expired"
	shutdown      = "shutdown"
	lost          = "lost"
	slow          = "slow"
	backlog       = "backlog"
	noPong        = "ping"
	overLimit     = "limit"
	protocol      = "protocol"
	internal      = "internal"
)

var closeCauses = []string{
	byClient, byApplication, refused, replaced, expired, shutdown, lost, slow, backlog, noPong, overLimit, protocol, internal,
}

// endings are those that are known beforehand. They are reported even while there are none, since a series that begins with 1
// looks to a monitoring system as if nothing had been added.
var endings = []ending{
	{byClient, 1000},
	{byClient, 1001},
	{byClient, 1005},
	{byApplication, 1000},
	{refused, 1008},
	{refused, 1013},
	{replaced, StatusReplaced},
	{expired, StatusExpired},
	{shutdown, 1012},
	{lost, 1006},
	{slow, 1013},
	{backlog, 1013},
	{noPong, 1013},
	{overLimit, 1008},
	{overLimit, 1009},
	{overLimit, 1013},
	{protocol, 1002},
	{protocol, 1007},
	{internal, 1011},
}

// countEnd counts a connection that has ended.
func (c *conn) countEnd() {
	end := ending{internal, c.t.CloseCode()}
	_ = safely(func() error { end.cause = c.endCause(end.code); return nil }) // errors.Is may call the user's methods
	if end.cause == byClient && end.code >= 3000 {
		end.code = 0 // a client may choose any
	}
	c.route.closed.add(end, ending{cause: end.cause})
}

// endCause returns one of closeCauses.
func (c *conn) endCause(code websocket.StatusCode) string {
	err := c.cause
	_, isCode := errors.AsType[websocket.CloseError](err)
	_, isOwn := errors.AsType[*Error](err)
	switch {
	case c.t.ClosedByPeer():
		return byClient
	case code == websocket.StatusAbnormalClosure && !errors.Is(err, ErrSlowClient): // first, as most of all
		return lost
	case errors.Is(err, ErrShutdown):
		return shutdown
	case errors.Is(err, transport.ErrBacklog):
		return backlog
	case errors.Is(err, ErrSlowClient):
		return slow
	case errors.Is(err, ErrPingTimeout):
		return noPong
	case errors.Is(err, ErrExpired):
		return expired
	case errors.Is(err, ErrLimit) && code == StatusReplaced:
		return replaced
	case errors.Is(err, ErrLimit):
		return overLimit
	case errors.Is(err, transport.ErrProtocol):
		return protocol
	case c.refused && (isCode || isOwn):
		return refused
	case err == nil || isCode:
		return byApplication
	}
	return internal
}
