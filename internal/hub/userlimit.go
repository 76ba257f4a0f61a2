package hub

import (
	"slices"
	"sync"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/transport"
)

const replaced = "replaced by a newer connection of this user"

// userLimit holds users to a number of connections.
//
// A connection whose client is known to be gone, or whose closing handshake has begun, has no place any more, whatever its
// hooks still do. Its socket stays open until it is done, or until a newcomer needs it.
type userLimit struct {
	max     int                  // 0 for no limit
	replace websocket.StatusCode // with which one too many closes the user's oldest; 0 to be refused instead

	mu    sync.Mutex             // guards following, and the fields of userConns
	conns map[string][]*userConn // of each user, but for those that were cut: the oldest first
}

// userConn is a connection of a user.
type userConn struct {
	user   *identity
	t      *transport.Conn // nil during the handshake
	stays  bool            // it has said so
	closed bool            // it has made room
}

// leaving reports whether nobody is there any more. It needs the lock.
func (u *userConn) leaving() bool { return u.closed || u.t != nil && u.t.Context().Err() != nil }

func (u *userConn) staying() bool { return u.stays && !u.leaving() }

func (u *userConn) opening() bool { return !u.stays && !u.leaving() }

// giveUp cuts a connection that was not going to stay yet.
func (l *userLimit) giveUp(u *userConn) {
	if u.t != nil { // else it hears of it when it opens
		u.t.Abort(l.replace, replaced, transport.ErrLimit)
	}
}

// cut closes the socket of a connection that leaves. Who makes room may not have been told yet, by [userLimit.stay].
func (l *userLimit) cut(u userConn) {
	if u.closed {
		u.t.Close(l.replace, replaced, transport.ErrLimit)
	}
	u.t.Cut()
}

// reserve counts an upgrade. It reports false if there may be no more of the user.
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

// add adds a newcomer, if it may come, and returns how to cut those whose sockets it needs. Where the oldest makes room
// the newcomer needs a socket beside it: there may be as many coming or leaving as staying.
func (l *userLimit) add(user *identity) (cuts []func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	conns, sockets := l.conns[user.id], l.max
	if l.replace != 0 {
		sockets += l.max
	} else if there := len(conns) - count(conns, (*userConn).leaving); there >= l.max {
		return nil, false
	}
	for len(conns) >= sockets {
		i := slices.IndexFunc(conns, (*userConn).leaving)
		if i >= 0 {
			leaving := *conns[i]
			cuts = append(cuts, func() { l.cut(leaving) })
		} else {
			i = slices.IndexFunc(conns, (*userConn).opening) // no more stay than half of them
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

// opened notes that the handshake is done. It reports false if the connection had to make room already, and is closed.
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

// stay notes that a connection lasts, and closes those for which there is no room any more.
func (l *userLimit) stay(user *identity) {
	if l.max == 0 || user == nil || l.replace == 0 {
		return
	}
	for _, t := range l.surplus(user) {
		t.Close(l.replace, replaced, transport.ErrLimit)
	}
}

// surplus returns what is to be closed for a connection that stays.
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

// find needs the lock. It returns nil for a connection that was cut.
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
