package hub

import (
	"context"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/transport"
)

// Member is a connection of a route: reserved before its handshake is answered, open from then on, and closed last.
type Member struct {
	Owner any // what the connection is to who made it

	route    *Route
	id       string
	t        *transport.Conn // from Open on
	user     *identity       // nil for nobody
	at       position        // among the route's connections
	reserved bool

	mu    sync.Mutex           // guards following
	rooms map[string]*position // nil until the first Join
	left  bool                 // it joins no room any more
}

// identity is the user that a connection belongs to.
type identity struct {
	id string
	at position // among the user's connections
}

// Init is called once, before everything else. The id is unique, of at most 64 bytes.
func (m *Member) Init(rt *Route, id string, owner any) { m.route, m.id, m.Owner = rt, id, owner }

// ID returns the connection's id.
func (m *Member) ID() string { return m.id }

// HasUser reports whether the connection belongs to a user.
func (m *Member) HasUser() bool { return m.user != nil }

// Reserve prepares for a connection of a user, "" for nobody, before it is accepted: a place among the user's, and what
// other nodes send to it. The error is [ErrTooMany] or [ErrBroker]. Without one, Release or Remove undoes it.
func (m *Member) Reserve(ctx context.Context, deadline time.Time, userID string) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if userID != "" {
		m.user = &identity{id: userID}
	}
	rt := m.route
	if !rt.hub.users.reserve(m.user) {
		return ErrTooMany
	}
	err := rt.subscribe(ctx, rt.All())
	if err == nil && m.user != nil {
		if err = rt.subscribe(ctx, rt.User(m.user.id)); err != nil {
			rt.hub.node.Release(rt.all.topic)
		}
	}
	if err != nil {
		rt.hub.users.release(m.user)
		return brokerError(err)
	}
	m.reserved = true
	return nil
}

// Release undoes Reserve, if it has succeeded.
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

// Open makes the connection one of its route's and of its user's. It reports false if it had to make room for a newer one
// of the user already, and is closed.
func (m *Member) Open(t *transport.Conn) bool {
	m.t = t
	rt := m.route
	rt.all.add(m, &m.at)
	if m.user != nil {
		rt.users.add(m.user.id, rt.users.topic(m.user.id), m, &m.user.at)
	}
	return rt.hub.users.opened(m)
}

// Stay says that the connection lasts, and has older ones of the user make room if there are too many.
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
