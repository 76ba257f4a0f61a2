package wsgate

import (
	"context"
	"errors"
	"iter"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/hub"
	"github.com/wsgate/wsgate/internal/transport"
)

// Room is a set of connections of one gateway: those that joined a room, those of a user, or all of them. It is a
// value. Its methods may be called from any goroutine. A room exists while a connection is in it; sending to an empty
// room reaches nobody and is not an error. With [Options].Broker, Send and Disconnect reach the members on every node.
// Len and Conns are about this node, unlike [Count] and [Members].
type Room struct {
	route *route
	set   hub.Set
	from  *conn // the connection that the room was obtained from; nil if from the Hub
	err   error // returned by all methods
}

// Room returns the gateway's room with that name. The exceptions stay the same.
func (r Room) Room(name string) Room {
	if r.set.OfUser() {
		r.err = errors.New("wsgate: a user's connections have no rooms of their own")
		r.route.app.logMistake("wsgate: a room of a user's connections", r.err)
	}
	r.set = r.set.Room(name)
	return r
}

// Except returns the room without these connections.
func (r Room) Except(conns ...AnyConn) Room {
	members := make([]*hub.Member, len(conns))
	for i, c := range conns {
		members[i] = &c.base().member
	}
	r.set = r.set.Except(members...)
	return r
}

// Send queues a message for everybody in the room. It never blocks. A receiver that is too slow is not an error, see
// [ErrSlowClient]. The message is encoded once. The error is [ErrBroker] if only the connections on this node could be
// reached, and [ErrLimit] for a message that is larger than a connection's whole queue.
func (r Room) Send(m Message) error {
	return r.deliver(func(*route) (*frame.Message, error) { return m.finished() })
}

func (r Room) deliver(encode encoder) error {
	if err := r.check(); err != nil {
		return err
	}
	m, err := encode(r.route)
	if err != nil {
		return err
	}
	return r.send(m)
}

func (r Room) send(m *frame.Message) error {
	var from *transport.Conn
	if r.from != nil {
		from = r.from.t
	}
	return r.set.Send(m, from, r.route.app.traces.of(r.from))
}

// check returns an error for a room that is not valid.
func (r Room) check() error {
	if r.err == nil && r.route == nil {
		return errNoRoom
	}
	return r.err
}

var errNoRoom = errors.New("wsgate: the zero Room is not valid: get one from a connection or from Hub.At")

// Disconnect closes every connection in the room, on every node, as [Conn.Close] does. It returns when all nodes have
// begun to close them. It waits for that until ctx is done, or 5 s; then the error is [ErrNoResponse] and names the
// nodes that did not answer. If the message broker is away, the error is [ErrBroker], and the connections on this node
// are closed.
func (r Room) Disconnect(ctx context.Context, code websocket.StatusCode, reason string) error {
	if err := r.check(); err != nil {
		return err
	}
	return r.route.app.members.Disconnect(ctx, []hub.Set{r.set}, code, reason)
}

// Len returns the number of connections in the room, on this node.
func (r Room) Len() int {
	n := 0
	r.each(func(*conn) { n++ })
	return n
}

// Conns returns the connections that are in the room now, on this node.
func (r Room) Conns() iter.Seq[AnyConn] {
	return func(yield func(AnyConn) bool) {
		var now []AnyConn
		r.each(func(c *conn) { now = append(now, c.self) })
		for _, c := range now {
			if !yield(c) {
				return
			}
		}
	}
}

// each calls f, which does not block, for every connection on this node.
func (r Room) each(f func(*conn)) {
	if r.check() == nil {
		r.set.Each(func(m *hub.Member) { f(connOf(m)) })
	}
}
