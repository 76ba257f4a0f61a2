package hub

import (
	"errors"
	"slices"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/transport"
)

// Set is some of the connections of a route: all of them, those that joined a room, or those of a user, but for
// exceptions. It is a value, and has the members that are there when it is used.
type Set struct {
	route  *Route
	kind   kind
	name   string
	except []*Member
}

// kind is what the members of a set have in common. Other nodes are told.
type kind byte

const (
	everybody kind = iota
	inRoom
	ofUser
)

// All returns all connections of the route.
func (rt *Route) All() Set { return Set{route: rt} }

// Room returns those that joined the room.
func (rt *Route) Room(name string) Set { return Set{route: rt, kind: inRoom, name: name} }

// User returns those of the user.
func (rt *Route) User(id string) Set { return Set{route: rt, kind: ofUser, name: id} }

// Room returns those that joined the room, with the same exceptions.
func (s Set) Room(name string) Set {
	s.kind, s.name = inRoom, name
	return s
}

// OfUser reports whether the members are those of a user.
func (s Set) OfUser() bool { return s.kind == ofUser }

// IsRoom reports whether the members are those that joined a room.
func (s Set) IsRoom() bool { return s.kind == inRoom }

// Except returns the set without some connections.
func (s Set) Except(members ...*Member) Set {
	s.except = append(slices.Clip(s.except), members...)
	return s
}

// Send queues a message for every member, on every node. It never blocks, and a receiver that is too slow is no error.
// from is the connection whose handler sends, nil if it is none's.
func (s Set) Send(m *frame.Message, from *transport.Conn) error {
	members := s.find()
	b := s.route.hub.engine.Broadcast(m, from)
	members.each(func(e entry) {
		if !slices.Contains(s.except, e.member) {
			b.To(e.t)
		}
	})
	err := b.End() // of this node's members; the others' are not its business
	return errors.Join(err, s.publish(members, m))
}

// Each calls f, which does not block, for every member on this node.
func (s Set) Each(f func(*Member)) {
	s.find().each(func(e entry) {
		if !slices.Contains(s.except, e.member) {
			f(e.member)
		}
	})
}

// find returns the members, nil if there are none.
func (s Set) find() *index {
	switch s.kind {
	case inRoom:
		return s.route.rooms.get(s.name)
	case ofUser:
		return s.route.users.get(s.name)
	}
	return &s.route.all
}

// topic returns where nodes send what is for the set.
func (s Set) topic() string {
	switch s.kind {
	case inRoom:
		return s.route.rooms.topic(s.name)
	case ofUser:
		return s.route.users.topic(s.name)
	}
	return s.route.all.topic
}
