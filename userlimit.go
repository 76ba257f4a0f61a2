package wsgate

import (
	"reflect"
	"slices"
	"sync"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/transport"
)

// StatusReplaced is the close code of a connection that had to make room for a newer one of the same user, see
// [Options].CloseOldest. A client that gets it does not connect again by itself: it would take the place of the newer one,
// which would come back in turn.
const StatusReplaced websocket.StatusCode = 4409

const replaced = "replaced by a newer connection of this user"

// userLimit holds users to [Limits].UserConnections.
//
// A connection whose client is known to be gone, or whose closing handshake has begun, has no place any more, whatever its
// hooks still do. Its socket stays open until it is done, or until a newcomer needs it.
type userLimit struct {
	most   int  // 0 for no limit
	oldest bool // one too many closes the user's oldest, instead of being refused

	mu    sync.Mutex             // guards following, and the fields of userConns
	conns map[string][]*userConn // of each user, but for those that were cut: the oldest first
}

// checkUserLimit finds a limit that would hold nobody.
func (b *builder) checkUserLimit() {
	l := b.app.users.most
	if b.options.CloseOldest && l == 0 {
		b.wrong(&mistake.Mistake{
			What: "Options.CloseOldest without Limits.UserConnections", Fix: "remove it, or set Options.Limits.UserConnections to how many connections a user may have",
		})
	}
	if l > 0 && len(b.routes) > 0 && !slices.ContainsFunc(b.routes, tellsUsers) {
		b.wrong(&mistake.Mistake{
			What: "Options.Limits.UserConnections without users", Have: "no gateway whose data tells who the user is",
			Fix: "remove it, or give the data of a gateway, in a type of your own, a method UserID() string, and return it from OnUpgrade",
		})
	}
}

// tellsUsers reports whether the route's connections may belong to users. One that is wrong may as well.
func tellsUsers(rt Route) bool {
	ct, mistakes := checkGateway(&rt)
	return ct == nil || len(mistakes) > 0 || hasUser(dataOf(reflect.TypeOf(rt.New).Out(0), ct))
}

// userConn is a connection of a user.
type userConn struct {
	owner  *owner
	t      *transport.Conn // nil during the handshake
	opened bool            // OnOpen returned nil
	closed bool            // it has made room
}

// leaving reports whether nobody is there any more. It needs the lock.
func (u *userConn) leaving() bool { return u.closed || u.t != nil && u.t.Context().Err() != nil }

func (u *userConn) staying() bool { return u.opened && !u.leaving() }

func (u *userConn) opening() bool { return !u.opened && !u.leaving() }

// giveUp cuts a connection that has not opened.
func (u *userConn) giveUp() {
	if u.t != nil { // else it hears of it when it has arrived
		u.t.Abort(StatusReplaced, replaced, ErrLimit)
	}
}

// enter counts an upgrade. It reports false if there may be no more of the user.
func (l *userLimit) enter(user *owner) bool {
	if l.most == 0 || user == nil {
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
func (l *userLimit) add(user *owner) (cuts []func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	conns, sockets := l.conns[user.id], l.most
	if l.oldest {
		sockets += l.most
	} else if there := len(conns) - count(conns, (*userConn).leaving); there >= l.most {
		return nil, false
	}
	for len(conns) >= sockets {
		i := slices.IndexFunc(conns, (*userConn).leaving)
		if i >= 0 {
			cuts = append(cuts, conns[i].t.Cut)
		} else {
			i = slices.IndexFunc(conns, (*userConn).opening) // no more stay than half of them
			cuts = append(cuts, conns[i].giveUp)
		}
		conns = slices.Delete(conns, i, i+1)
	}
	if l.conns == nil {
		l.conns = map[string][]*userConn{}
	}
	l.conns[user.id] = append(conns, &userConn{owner: user})
	return cuts, true
}

// arrived notes that the handshake is done. It reports false if the connection has to make room already.
func (l *userLimit) arrived(c *conn) bool {
	if l.most == 0 || c.user == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.find(c.user)
	if u == nil {
		return false
	}
	u.t = c.t
	return true
}

// opened notes that OnOpen has returned nil, and closes those for which there is no room any more.
func (l *userLimit) opened(c *conn) {
	if l.most == 0 || c.user == nil || !l.oldest {
		return
	}
	for _, t := range l.stay(c.user) {
		t.Close(StatusReplaced, replaced, ErrLimit)
	}
}

// stay returns what is to be closed for a connection that stays.
func (l *userLimit) stay(user *owner) (closed []*transport.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.find(user)
	if u == nil {
		return nil
	}
	u.opened = true
	conns := l.conns[user.id]
	for range count(conns, (*userConn).staying) - l.most {
		oldest := conns[slices.IndexFunc(conns, (*userConn).staying)]
		oldest.closed = true
		closed = append(closed, oldest.t)
	}
	return closed
}

// leave undoes enter.
func (l *userLimit) leave(user *owner) {
	if l.most == 0 || user == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	left := slices.DeleteFunc(l.conns[user.id], func(u *userConn) bool { return u.owner == user })
	if l.conns[user.id] = left; len(left) == 0 {
		delete(l.conns, user.id)
	}
}

// find needs the lock. It returns nil for a connection that was cut.
func (l *userLimit) find(user *owner) *userConn {
	conns := l.conns[user.id]
	if i := slices.IndexFunc(conns, func(u *userConn) bool { return u.owner == user }); i >= 0 {
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
