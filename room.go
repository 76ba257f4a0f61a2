package wsgate

import (
	"errors"
	"iter"
	"runtime"
	"slices"
	"sync"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/transport"
)

// Room is some of the connections of one gateway: those that joined a room, or all of them. It is a value; its
// methods may be called from any goroutine. A room exists while somebody is in it: sending to one that nobody is in
// reaches nobody and is no error.
type Room struct {
	route   *route
	name    string
	members *members // set for all connections of the route, else found by name
	except  []*conn
	from    *conn // the connection whose handler asked for the room, if it was one
	err     error // why there can be no such room
}

// Room returns the gateway's room with that name, with the same exceptions.
func (r Room) Room(name string) Room {
	r.name, r.members = name, nil
	return r
}

// Except returns the room without some connections.
func (r Room) Except(conns ...AnyConn) Room {
	r.except = slices.Clip(r.except)
	for _, c := range conns {
		r.except = append(r.except, c.base())
	}
	return r
}

// Send queues a message for everybody in the room. It never blocks, and a receiver that is too slow is no error, see
// [ErrSlowClient]. The message is encoded once.
func (r Room) Send(m Message) error {
	return r.deliver(func(*route) (*frame.Message, error) { return m.finished() })
}

func (r Room) deliver(encode encoder) error {
	if r.err != nil {
		return r.err
	}
	if r.route == nil {
		return errNoRoom
	}
	m, err := encode(r.route)
	if err != nil {
		return err
	}
	var from *transport.Conn
	if r.from != nil {
		from = r.from.t
	}
	b := r.route.app.engine.Broadcast(m, from)
	r.find().each(func(c *conn) {
		if !slices.Contains(r.except, c) {
			b.To(c.t)
		}
	})
	return b.End()
}

// Len returns the number of connections in the room.
func (r Room) Len() int {
	n := 0
	r.find().each(func(c *conn) {
		if !slices.Contains(r.except, c) {
			n++
		}
	})
	return n
}

// Conns returns the connections that are in the room now.
func (r Room) Conns() iter.Seq[AnyConn] {
	return func(yield func(AnyConn) bool) {
		var now []AnyConn
		r.find().each(func(c *conn) {
			if !slices.Contains(r.except, c) {
				now = append(now, c.self)
			}
		})
		for _, c := range now {
			if !yield(c) {
				return
			}
		}
	}
}

// find returns the members, nil if there are none.
func (r Room) find() *members {
	if r.members != nil || r.route == nil {
		return r.members
	}
	return r.route.rooms.get(r.name)
}

var errNoRoom = errors.New("wsgate: a zero Room is no room: get one from a connection or from Hub.At")

// members is a set of connections that is cheap to walk.
type members struct {
	mu    sync.RWMutex // guards following, and the index of its seats
	seats []*seat
	dead  bool // removed from its rooms, since it was empty
}

// seat is a connection's place in one set.
type seat struct {
	conn  *conn
	index int
}

// each calls f, which does not block, for every member. A nil set has none.
func (m *members) each(f func(*conn)) {
	if m == nil {
		return
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, s := range m.seats {
		f(s.conn)
	}
}

// add reports false if the set is dead.
func (m *members) add(s *seat) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return false
	}
	s.index = len(m.seats)
	m.seats = append(m.seats, s)
	return true
}

// remove reports whether the set is empty now; with mortal set it is dead then.
func (m *members) remove(s *seat, mortal bool) (empty bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := len(m.seats) - 1
	m.seats[s.index] = m.seats[last]
	m.seats[s.index].index = s.index
	m.seats[last] = nil
	m.seats = m.seats[:last]
	m.dead = mortal && last == 0
	return last == 0
}

// rooms are the rooms of one gateway that somebody is in.
type rooms struct {
	mu     sync.RWMutex // guards following
	byName map[string]*members
}

func (r *rooms) get(name string) *members {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byName[name]
}

func (r *rooms) join(name string, s *seat) {
	for {
		r.mu.Lock()
		m := r.byName[name]
		if m == nil {
			if r.byName == nil {
				r.byName = make(map[string]*members)
			}
			m = new(members)
			r.byName[name] = m
		}
		r.mu.Unlock()
		if m.add(s) {
			return
		}
		runtime.Gosched() // the last one leaves right now, and is about to remove the set
	}
}

func (r *rooms) leave(name string, s *seat) {
	m := r.get(name)
	if !m.remove(s, true) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byName, name)
}
