package hub

import (
	"errors"
	"slices"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/transport"
)

// Set is a set of connections of a route: all of them, those in a room, or those of a user, minus exceptions. It is a
// value; its members are determined when it is used.
type Set struct {
	route  *Route
	kind   kind
	name   string
	except []*Member
}

// kind is the kind of a set. It is part of the protocol between nodes.
type kind byte

const (
	everybody kind = iota
	inRoom
	ofUser
)

// All returns all connections of the route.
func (rt *Route) All() Set { return Set{route: rt} }

// Room returns the connections in the room.
func (rt *Route) Room(name string) Set { return Set{route: rt, kind: inRoom, name: name} }

// User returns the connections of the user.
func (rt *Route) User(id string) Set { return Set{route: rt, kind: ofUser, name: id} }

// Room returns the connections in the room, with the same exceptions.
func (s Set) Room(name string) Set {
	s.kind, s.name = inRoom, name
	return s
}

// OfUser reports whether the set has the connections of a user.
func (s Set) OfUser() bool { return s.kind == ofUser }

// IsRoom reports whether the set has the connections in a room.
func (s Set) IsRoom() bool { return s.kind == inRoom }

// Except returns the set without some connections.
func (s Set) Except(members ...*Member) Set {
	s.except = append(slices.Clip(s.except), members...)
	return s
}

// Send queues a message for every member, on every node. It never blocks, and a receiver that is too slow is not an
// error. from is the connection whose handler sends, nil if there is none. trace goes to the other nodes, unless it is
// empty.
func (s Set) Send(m *frame.Message, from *transport.Conn, trace string) error {
	members := s.find()
	b := s.route.hub.engine.Broadcast(m, from, &s.route.counters)
	members.each(func(e entry) {
		if !slices.Contains(s.except, e.member) {
			b.To(e.t)
		}
	})
	err := b.End() // of the members on this node only
	return errors.Join(err, s.publish(members, m, trace))
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

// topic returns the topic of the set.
func (s Set) topic() string {
	switch s.kind {
	case inRoom:
		return s.route.rooms.topic(s.name)
	case ofUser:
		return s.route.users.topic(s.name)
	}
	return s.route.all.topic
}
