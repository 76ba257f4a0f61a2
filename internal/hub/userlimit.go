package hub

import (
	"slices"
	"sync"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/transport"
)

const replaced = "replaced by a newer connection of this user"

// userLimit limits the number of connections per user.
//
// A connection whose client is known to be gone, or whose closing handshake has begun, no longer counts, even if its
// hooks still run. Its socket stays open until the connection ends, or until a new connection needs it.
type userLimit struct {
	max     int                  // 0 for no limit
	replace websocket.StatusCode // close code for the oldest when a new one exceeds max; 0 to refuse the new one

	mu    sync.Mutex             // guards following, and the fields of userConns
	conns map[string][]*userConn // by user, oldest first, without those that were cut
}

// userConn is a connection of a user.
type userConn struct {
	user   *identity
	t      *transport.Conn // nil during the handshake
	stays  bool            // stay was called
	closed bool            // replaced by a newer connection
}

// leaving reports whether the connection is closing. The caller holds the lock.
func (u *userConn) leaving() bool { return u.closed || u.t != nil && u.t.Context().Err() != nil }

func (u *userConn) staying() bool { return u.stays && !u.leaving() }

func (u *userConn) opening() bool { return !u.stays && !u.leaving() }

// giveUp closes a connection that was still opening.
func (l *userLimit) giveUp(u *userConn) {
	if u.t != nil { // otherwise opened closes it
		u.t.Abort(l.replace, replaced, transport.ErrLimit)
	}
}

// cut closes the socket of a connection that is leaving. [userLimit.stay] may not yet have closed one that was
// replaced.
func (l *userLimit) cut(u userConn) {
	if u.closed {
		u.t.Close(l.replace, replaced, transport.ErrLimit)
	}
	u.t.Cut()
}

// reserve counts an upgrade. It reports false if the user may have no more connections.
func (l *userLimit) reserve(user *identity) bool {
	if l.max == 0 || user == nil {
		return true
	}
	cuts, ok := l.add(user)
	for _, cut := range cuts {
		cut()
	}
	return ok
}

// add adds a new connection, if allowed, and returns functions that cut the connections whose sockets it needs. If the
// oldest is to be replaced, both exist for a while: so up to max connections may be opening or leaving in addition to
// max that stay.
func (l *userLimit) add(user *identity) (cuts []func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	conns, sockets := l.conns[user.id], l.max
	if l.replace != 0 {
		sockets += l.max
	} else if counted := len(conns) - count(conns, (*userConn).leaving); counted >= l.max {
		return nil, false
	}
	for len(conns) >= sockets {
		i := slices.IndexFunc(conns, (*userConn).leaving)
		if i >= 0 {
			leaving := *conns[i]
			cuts = append(cuts, func() { l.cut(leaving) })
		} else {
			i = slices.IndexFunc(conns, (*userConn).opening) // there is one: at most half of them stay
			opening := conns[i]
			cuts = append(cuts, func() { l.giveUp(opening) })
		}
		conns = slices.Delete(conns, i, i+1)
	}
	if l.conns == nil {
		l.conns = map[string][]*userConn{}
	}
	l.conns[user.id] = append(conns, &userConn{user: user})
	return cuts, true
}

// opened records that the handshake is done. It reports false if the connection was already replaced; then it is
// closed.
func (l *userLimit) opened(m *Member) bool {
	if l.max == 0 || m.user == nil {
		return true
	}
	if l.arrived(m) {
		return true
	}
	m.t.Abort(l.replace, replaced, transport.ErrLimit)
	return false
}

func (l *userLimit) arrived(m *Member) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.find(m.user)
	if u == nil {
		return false
	}
	u.t = m.t
	return true
}

// stay marks a connection as established, and closes the oldest ones in excess of max.
func (l *userLimit) stay(user *identity) {
	if l.max == 0 || user == nil || l.replace == 0 {
		return
	}
	for _, t := range l.surplus(user) {
		t.Close(l.replace, replaced, transport.ErrLimit)
	}
}

// surplus marks the connection as established and returns the connections to close.
func (l *userLimit) surplus(user *identity) (closed []*transport.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.find(user)
	if u == nil {
		return nil
	}
	u.stays = true
	conns := l.conns[user.id]
	for range count(conns, (*userConn).staying) - l.max {
		oldest := conns[slices.IndexFunc(conns, (*userConn).staying)]
		oldest.closed = true
		closed = append(closed, oldest.t)
	}
	return closed
}

// release undoes reserve.
func (l *userLimit) release(user *identity) {
	if l.max == 0 || user == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	left := slices.DeleteFunc(l.conns[user.id], func(u *userConn) bool { return u.user == user })
	if l.conns[user.id] = left; len(left) == 0 {
		delete(l.conns, user.id)
	}
}

// find returns nil for a connection that was cut. The caller holds the lock.
func (l *userLimit) find(user *identity) *userConn {
	conns := l.conns[user.id]
	if i := slices.IndexFunc(conns, func(u *userConn) bool { return u.user == user }); i >= 0 {
		return conns[i]
	}
	return nil
}

func count[E any](s []E, f func(E) bool) (n int) {
	for _, e := range s {
		if f(e) {
			n++
		}
	}
	return n
}
