package wsgate

import (
	"errors"
	"iter"
	"runtime"
	"slices"
	"sync"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/transport"
)

// Room is some of the connections of one gateway: those that joined a room, those of a user, or all of them. It is a
// value; its methods may be called from any goroutine. A room exists while somebody is in it: sending to one that
// nobody is in reaches nobody and is no error. With [Options].Broker, Send and Disconnect reach the members on every
// node; Len and Conns are about this node, as [Count] and [Members] are not.
type Room struct {
	route   *route
	set     *rooms // those among which it is found by name
	name    string
	members *members // instead, for all connections of the route
	except  []*conn
	from    *conn // the connection whose handler asked for the room, if it was one
	err     error // why there can be no such room
}

// The sets of a route's connections.
const (
	setAll  byte = iota
	setRoom      // those that joined a room
	setUser      // those of a user
)

// room returns some of the route's connections.
func (rt *route) room(set byte, name string) Room {
	switch set {
	case setAll:
		return Room{route: rt, members: &rt.all}
	case setUser:
		return Room{route: rt, set: &rt.users, name: name}
	}
	return Room{route: rt, set: &rt.rooms, name: name}
}

// kind returns which of the sets the room is from.
func (r Room) kind() byte {
	switch {
	case r.members != nil:
		return setAll
	case r.set == &r.route.users:
		return setUser
	}
	return setRoom
}

// Room returns the gateway's room with that name, with the same exceptions.
func (r Room) Room(name string) Room {
	if r.route != nil && r.set == &r.route.users {
		r.err = errors.New("wsgate: the connections of a user have no rooms of their own")
	}
	r.name, r.members = name, nil
	if r.route != nil {
		r.set = &r.route.rooms
	}
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
// [ErrSlowClient]. The message is encoded once. The error is [ErrBroker] if only the connections on this node could be
// reached, and [ErrLimit] for a message that is larger than a connection's whole queue.
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
	members := r.find()
	var from *transport.Conn
	if r.from != nil {
		from = r.from.t
	}
	b := r.route.app.engine.Broadcast(m, from)
	members.each(func(p place) {
		if !slices.Contains(r.except, p.conn) {
			b.To(p.t)
		}
	})
	err = b.End() // of this node's members; the others' are not its business
	return errors.Join(err, r.publish(members, m))
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
	r.find().each(func(p place) {
		if !slices.Contains(r.except, p.conn) {
			f(p.conn)
		}
	})
}

// find returns the members, nil if there are none.
func (r Room) find() *members {
	if r.members != nil || r.set == nil {
		return r.members
	}
	return r.set.get(r.name)
}

var errNoRoom = errors.New("wsgate: a zero Room is no room: get one from a connection or from Hub.At")

// members is a set of connections that is cheap to walk: what a broadcast needs of them lies side by side.
type members struct {
	topic string // where the other nodes hear what is sent to the set

	mu     sync.RWMutex // guards following, and the seats of its places
	places []place
	dead   bool // removed from its rooms, since it was empty
}

// place is a connection in one set.
type place struct {
	t    *transport.Conn // conn's
	conn *conn
	seat *seat
}

// seat is the index of a connection's place in one set.
type seat struct{ index int }

// each calls f, which does not block, for every member. A nil set has none.
func (m *members) each(f func(place)) {
	if m == nil {
		return
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, p := range m.places {
		f(p)
	}
}

// add reports false if the set is dead.
func (m *members) add(c *conn, s *seat) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return false
	}
	s.index = len(m.places)
	m.places = append(m.places, place{c.t, c, s})
	return true
}

// remove reports whether the set is empty now; with mortal set it is dead then.
func (m *members) remove(s *seat, mortal bool) (empty bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := len(m.places) - 1
	m.places[s.index] = m.places[last]
	m.places[s.index].seat.index = s.index
	m.places[last] = place{}
	m.places = m.places[:last]
	m.dead = mortal && last == 0
	return last == 0
}

// rooms are the rooms of one gateway that somebody is in, or its users.
type rooms struct {
	topics string // the beginning of the topic of each

	mu     sync.RWMutex // guards following
	byName map[string]*members
}

// topic returns where nodes speak to a room.
func (r *rooms) topic(name string) string { return r.topics + "." + cluster.Token(name) }

func (r *rooms) get(name string) *members {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byName[name]
}

// join gives c a seat. The topic is that of the name.
func (r *rooms) join(name, topic string, c *conn, s *seat) {
	for {
		r.mu.Lock()
		m := r.byName[name]
		if m == nil {
			if r.byName == nil {
				r.byName = make(map[string]*members)
			}
			m = &members{topic: topic}
			r.byName[name] = m
		}
		r.mu.Unlock()
		if m.add(c, s) {
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
