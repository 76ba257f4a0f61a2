package hub

import (
	"context"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/transport"
)

// Member is a connection of a route. It is reserved before the handshake is answered, then opened, and finally removed.
type Member struct {
	Owner any // the caller's own value

	route    *Route
	id       string
	t        *transport.Conn // from Open on
	user     *identity       // nil for no user
	at       position        // among the route's connections
	reserved bool

	mu    sync.Mutex           // guards following
	rooms map[string]*position // nil until the first Join
	left  bool                 // LeaveAll was called
}

// identity is the user that a connection belongs to.
type identity struct {
	id string
	at position // among the user's connections
}

// Init is called once, before any other method. The id is unique and has at most 64 bytes.
func (m *Member) Init(rt *Route, id string, owner any) { m.route, m.id, m.Owner = rt, id, owner }

// ID returns the connection's id.
func (m *Member) ID() string { return m.id }

// HasUser reports whether the connection belongs to a user.
func (m *Member) HasUser() bool { return m.user != nil }

// UserID returns the user that the connection belongs to, "" for no user.
func (m *Member) UserID() string {
	if m.user == nil {
		return ""
	}
	return m.user.id
}

// Reserve reserves a connection of a user, "" for no user, before it is accepted: it counts it against the user's limit
// and subscribes to what other nodes send to the user. The error is [ErrTooMany] or [ErrBroker]. After success, Release
// or Remove undoes it.
func (m *Member) Reserve(ctx context.Context, deadline time.Time, userID string) error {
	if userID != "" {
		m.user = &identity{id: userID}
	}
	users := &m.route.hub.users
	if !users.reserve(m.user) {
		return ErrTooMany
	}
	if err := m.listen(ctx, deadline); err != nil {
		users.release(m.user)
		return brokerError(err)
	}
	m.reserved = true
	return nil
}

// listen subscribes to what other nodes send to the route's connections and to the user.
func (m *Member) listen(ctx context.Context, deadline time.Time) error {
	rt := m.route
	if rt.hub.config.Broker == nil {
		return nil // there are no other nodes, and nothing waits
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	err := rt.subscribe(ctx, rt.All())
	if err == nil && m.user != nil {
		if err = rt.subscribe(ctx, rt.User(m.user.id)); err != nil {
			rt.hub.node.Release(rt.all.topic)
		}
	}
	return err
}

// Release undoes a Reserve that has succeeded.
func (m *Member) Release() {
	if !m.reserved {
		return
	}
	rt := m.route
	rt.hub.node.Release(rt.all.topic)
	if m.user != nil {
		rt.hub.node.Release(rt.users.topic(m.user.id))
	}
	rt.hub.users.release(m.user)
}

// Open adds the connection to its route and its user. It reports false if a newer connection of the user has already
// replaced it; then it is closed.
func (m *Member) Open(t *transport.Conn) bool {
	m.t = t
	rt := m.route
	rt.all.add(m, &m.at)
	if m.user != nil {
		rt.users.add(m.user.id, rt.users.topic(m.user.id), m, &m.user.at)
	}
	return rt.hub.users.opened(m)
}

// Stay marks the connection as established, and closes the oldest ones of the user if there are too many.
func (m *Member) Stay() { m.route.hub.users.stay(m.user) }

// Remove undoes Open and Reserve.
func (m *Member) Remove() {
	m.route.all.remove(&m.at, false)
	if m.user != nil {
		m.route.users.remove(m.user.id, &m.user.at)
	}
	m.Release()
}

// Close starts the closing handshake. The cause is nil for 1000 and 1001, else a websocket.CloseError.
func (m *Member) Close(code websocket.StatusCode, reason string) {
	var cause error
	if code != websocket.StatusNormalClosure && code != websocket.StatusGoingAway {
		cause = websocket.CloseError{Code: code, Reason: reason}
	}
	m.t.Close(code, reason, cause)
}
