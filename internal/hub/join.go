package hub

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/wsgate/wsgate/internal/transport"
)

// Join adds the connection to rooms of its route. metas has the metadata of its user for the rooms in which the user is
// tracked. The error is transport.ErrLimit for more rooms than [Limits].Rooms, transport.ErrClosed after LeaveAll, or
// [ErrBroker]; in each case it has joined none of the rooms.
//
// When it returns, everything that other nodes send to the rooms from then on will arrive.
func (m *Member) Join(names []string, metas map[string][]byte) error {
	joining, err := m.notYetIn(names)
	if err != nil {
		return err
	}
	subscribed, err := m.subscribe(joining)
	if err == nil {
		subscribed, err = m.enter(subscribed, names, metas)
	}
	m.unsubscribe(subscribed) // rooms that were not entered
	return err
}

// notYetIn returns the rooms that the connection is not in, without duplicates.
func (m *Member) notYetIn(names []string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.joinable(names)
}

// joinable returns notYetIn, or an error. The caller holds the lock.
func (m *Member) joinable(names []string) ([]string, error) {
	if m.left {
		return nil, transport.ErrClosed
	}
	joining := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return m.rooms[name] != nil })
	slices.Sort(joining)
	joining = slices.Compact(joining)
	if have, max := len(m.rooms)+len(joining), m.route.limits.Rooms; have > max {
		return nil, fmt.Errorf("%w: %d rooms, a connection may be in %d", transport.ErrLimit, have, max)
	}
	return joining, nil
}

// subscribe subscribes to the topics of the rooms. It returns the rooms for which it succeeded.
func (m *Member) subscribe(names []string) (subscribed []string, err error) {
	rt, ctx := m.route, m.t.Context()
	if ctx.Err() != nil { // OnClose may join as well
		ctx = context.WithoutCancel(ctx)
	}
	for _, name := range names {
		err := rt.subscribe(ctx, rt.Room(name))
		if err != nil && ctx.Err() != nil {
			return subscribed, transport.ErrClosed
		}
		if err != nil {
			return subscribed, fmt.Errorf("joining %q: %w", name, brokerError(err))
		}
		subscribed = append(subscribed, name)
	}
	return subscribed, nil
}

// enter adds the connection to the subscribed rooms, unless its state has changed meanwhile, and sets the user's
// metadata in the named rooms. It returns the rooms whose subscriptions must be released.
func (m *Member) enter(subscribed, named []string, metas map[string][]byte) (surplus []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	joining, err := m.joinable(subscribed)
	if err != nil {
		return subscribed, err
	}
	if m.rooms == nil {
		m.rooms = make(map[string]*position, len(joining))
	}
	for _, name := range named {
		if m.rooms[name] != nil || slices.Contains(joining, name) {
			m.track(name, metas[name]) // before adding: a new member gets the snapshot before any change
		}
	}
	for _, name := range joining {
		at := new(position)
		m.route.rooms.add(name, m.route.rooms.topic(name), m, at)
		m.rooms[name] = at
	}
	return slices.DeleteFunc(subscribed, func(name string) bool { return slices.Contains(joining, name) }), nil
}

// unsubscribe undoes subscribe.
func (m *Member) unsubscribe(names []string) {
	for _, name := range names {
		m.route.hub.node.Release(m.route.rooms.topic(name))
	}
}

// Leave takes the connection out of rooms. Leaving a room it is not in does nothing.
func (m *Member) Leave(names []string) {
	m.mu.Lock()
	var left []string
	for _, name := range names {
		if m.leave(name) {
			left = append(left, name)
		}
	}
	m.mu.Unlock()
	m.unsubscribe(left)
}

// leave reports whether the connection was in the room; the caller must then release the subscription. The caller holds
// the lock.
func (m *Member) leave(name string) bool {
	at := m.rooms[name]
	if at == nil {
		return false
	}
	m.route.rooms.remove(name, at)
	m.untrack(name)
	delete(m.rooms, name)
	return true
}

// LeaveAll takes the connection out of all rooms and prevents it from joining again.
func (m *Member) LeaveAll() {
	m.mu.Lock()
	names := slices.Collect(maps.Keys(m.rooms))
	for _, name := range names {
		m.leave(name)
	}
	m.left, m.rooms = true, nil
	m.mu.Unlock()
	m.unsubscribe(names)
}

// Rooms returns the names of the rooms the connection is in, sorted.
func (m *Member) Rooms() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make([]string, 0, len(m.rooms))
	for name := range m.rooms {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
