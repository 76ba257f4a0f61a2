package hub

import (
	"context"
	"log/slog"
	"time"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/presence"
)

// Presence is the configuration of a route's presence.
type Presence struct {
	// Encode encodes the event for a change.
	Encode func(presence.Change[*Member]) (*frame.Message, error)
	Grace  time.Duration // how long a user without connections stays
	// Above MaxUsers users, or MaxBytes of JSON about them, members get only the count.
	MaxUsers, MaxBytes int
}

// CanTrack reports whether there is a PresenceStore.
func (h *Hub) CanTrack() bool { return h.store != nil }

// Track enables presence for the route. It is called before the first connection.
func (rt *Route) Track(p Presence) {
	h := rt.hub
	rt.presence = presence.New(presence.Config[*Member]{
		Node: h.node, Store: h.store,
		Table: func(room string) string { return cluster.Topic("presence", rt.path, room) },
		Publish: func(room string, delta []byte) error {
			return h.node.Publish(rt.rooms.topic(room), cluster.Presence, func(b []byte) []byte { return append(b, delta...) })
		},
		Tell: func(change presence.Change[*Member]) { rt.tell(p, change) },
		Failed: func(doing, room string, err error) {
			if h.node.Away() == nil { // otherwise that was logged
				if h.check.err() == nil { // otherwise a check is under way
					h.check.again()
				}
				h.log(slog.LevelWarn, "wsgate: "+doing+" presence failed, and will be tried again", err, "path", rt.path, "room", room)
			}
		},
		Grace: p.Grace, MaxUsers: p.MaxUsers, MaxBytes: p.MaxBytes,
	})
}

// tell sends a change to the members on this node.
func (rt *Route) tell(p Presence, change presence.Change[*Member]) {
	m, err := p.Encode(change)
	if err != nil { // cannot happen: the name and the type were checked, and the metadata is JSON
		rt.hub.log(slog.LevelError, "wsgate: telling who is present", err, "path", rt.path, "room", change.Room)
		return
	}
	b := rt.hub.engine.Broadcast(m, nil, &rt.counters)
	if change.Only != nil {
		for _, member := range change.Only {
			b.To(member.t)
		}
	} else {
		rt.rooms.get(change.Room).each(func(e entry) {
			if _, newcomer := change.But[e.member]; !newcomer {
				b.To(e.t)
			}
		})
	}
	_ = b.End() // as for a broadcast, a slow receiver is not an error
}

// track and untrack update the tracker. The caller holds m.mu, which orders the updates. Without metadata, the user is
// not, or no longer, tracked in the room.
func (m *Member) track(room string, meta []byte) {
	if meta == nil {
		m.untrack(room)
		return
	}
	m.route.presence.Enter(room, m, m.user.id, meta)
}

func (m *Member) untrack(room string) {
	if m.route.presence != nil && m.user != nil {
		m.route.presence.Exit(room, m, m.user.id)
	}
}

// Tracks reports whether the route has presence.
func (rt *Route) Tracks() bool { return rt.presence != nil }

// Present returns the users in a room, with their metadata. There may be a result even if there is an error.
func (s Set) Present(ctx context.Context) (map[string][]byte, error) {
	members, silent, err := s.route.presence.Members(ctx, s.name)
	if err == nil && len(silent) > 0 {
		err = &cluster.SilentError{Nodes: silent}
	}
	return members, brokerError(err)
}
