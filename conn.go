package wsgate

import (
	"context"
	"crypto/rand"
	"sync/atomic"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/hub"
	"github.com/wsgate/wsgate/internal/transport"
)

// Conn is one connection of a gateway whose connections have data of type D.
//
// Data belongs to the connection's own hooks and handlers. They never overlap, so they use it without a lock; other
// goroutines must not use it. The methods may be called from any goroutine. None of them blocks, except Flush, Join
// with [Options].Broker, and sends to the target that Paced returns.
type Conn[D any] struct {
	*conn
	Data D
}

// AnyConn is a connection of any gateway, as middleware and iterators see it. Its dynamic type is *Conn[D], so code
// that knows the gateway gets the data by a type assertion. The methods are those of [Conn]. Only this package
// implements it, so that methods can be added.
type AnyConn interface {
	Target

	ID() string
	Path() string
	RemoteAddr() string
	Subprotocol() string

	Join(rooms ...string) error
	Leave(rooms ...string)
	Rooms() []string
	Room(name string) Room
	All() Room

	Flush(ctx context.Context) error
	Paced(ctx context.Context) Target
	Close(code websocket.StatusCode, reason string)

	base() *conn
}

// conn is the part of a Conn that does not depend on D.
type conn struct {
	t     *transport.Conn
	route *route
	self  AnyConn

	member   hub.Member               // its entry in the hub
	activity atomic.Pointer[activity] // the running hook; nil if there is none
	expiry   *expiry                  // nil for a session without an end that cannot be renewed
	moving   atomic.Bool              // its client is connecting elsewhere, as it was told to
	leaving  atomic.Bool              // shutdown was called: no further hook runs but OnClose

	// Owned by the goroutine that runs the hooks, and by that of OnRefresh while it has its turn.
	exchange       *exchange // the message being handled; nil while the connection is parked
	overrun        *overrun  // nil if no limit of the rate has mattered
	malformedCount int32     // malformed messages in a row
	shard          uint8     // of the route's results
	opened         bool      // OnOpen returned nil
	refused        bool      // OnOpen returned an error
	ended          bool      // the transport has ended, with the cause
	cause          error
}

func (c *conn) base() *conn { return c }

// connOf returns the connection of a member.
func connOf(m *hub.Member) *conn { return m.Owner.(*conn) }

// ID returns the connection's id, a random string that is never used again.
func (c *conn) ID() string { return c.member.ID() }

// Path returns the path of the connection's route as it was registered. [Hub.At] takes the same path.
func (c *conn) Path() string { return c.route.path }

// RemoteAddr returns the address of the peer, which may be a proxy.
func (c *conn) RemoteAddr() string { return c.t.RemoteAddr().String() }

// Subprotocol returns the negotiated subprotocol, or "" if there is none.
func (c *conn) Subprotocol() string { return c.t.Subprotocol() }

// All returns all connections of this gateway, including this one.
func (c *conn) All() Room { return Room{route: c.route, set: c.route.members.All(), from: c} }

// Room returns the room of this gateway with that name, whether or not the connection is in it.
func (c *conn) Room(name string) Room {
	return Room{route: c.route, set: c.route.members.Room(name), from: c}
}

// Send queues a message for this connection. It returns [ErrClosed] if the connection is closing, [ErrSlowClient] if
// the queue is full, which closes the connection, [ErrLimit] for a message that is larger than the whole queue, and an
// [*Error] with code [Invalid] for a text that is not UTF-8 or for an unknown Type.
func (c *conn) Send(m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	return c.t.SendData(m.Type, m.Data)
}

func (c *conn) deliver(encode encoder) error {
	m, err := encode(c.route)
	if err != nil {
		return err
	}
	return c.t.Send(m)
}

// Flush waits until everything sent so far was handed to the operating system. If ctx is done first, it returns ctx's
// error. If the connection has ended before that, or a slow client's queue was dropped, the error is [ErrClosed]
// together with the cause, such as [ErrSlowClient].
func (c *conn) Flush(ctx context.Context) error { return c.t.Flush(ctx) }

// Close starts the closing handshake and does not wait for it. What was sent goes out first, then a close frame with
// the code and the reason, cut to 123 bytes. OnClose gets nil for 1000 and 1001, and otherwise a websocket.CloseError.
// A code that must not be sent, such as 1006, is sent as 1011. Only the first of several calls counts.
func (c *conn) Close(code websocket.StatusCode, reason string) {
	c.member.Close(code, reason)
}

func newConnID() string { return rand.Text() }
