package hub

import (
	"context"
	"log/slog"
	"time"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/presence"
)

// Presence is how a route keeps who is in its rooms.
type Presence struct {
	// Encode makes what members are told.
	Encode func(presence.Change[*Member]) (*frame.Message, error)
	Grace  time.Duration // for which a user without connections stays
	// Past MaxUsers, or MaxBytes of JSON that tells of them, members are told numbers only.
	MaxUsers, MaxBytes int
}

// CanTrack reports whether there is a PresenceStore.
func (h *Hub) CanTrack() bool { return h.store != nil }

// Track has the route keep who is in its rooms, and tell their members. It is called before there is any connection.
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
			if h.node.Away() == nil { // else that was logged
				if h.check.err() == nil { // else it is being tried
					h.check.again()
				}
				h.log(slog.LevelWarn, "wsgate: "+doing+" presence failed, and will be tried again", err, "path", rt.path, "room", room)
			}
		},
		Grace: p.Grace, MaxUsers: p.MaxUsers, MaxBytes: p.MaxBytes,
	})
}

// tell tells the members on this node.
func (rt *Route) tell(p Presence, change presence.Change[*Member]) {
	m, err := p.Encode(change)
	if err != nil { // the name and the type were checked, and the metadata is JSON
		rt.hub.log(slog.LevelError, "wsgate: telling who is present", err, "path", rt.path, "room", change.Room)
		return
	}
	b := rt.hub.engine.Broadcast(m, nil)
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
	_ = b.End() // as for a broadcast, a slow receiver is no error
}

// track and untrack tell the tracker. They need m.mu, so that it hears of one after the other. Without metadata the user
// is not tracked in the room, or not any more.
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

// Tracks reports whether the route keeps who is in its rooms.
func (rt *Route) Tracks() bool { return rt.presence != nil }

// Present returns the users in a room, with their metadata. With an error there may be a result all the same.
func (s Set) Present(ctx context.Context) (map[string][]byte, error) {
	members, silent, err := s.route.presence.Members(ctx, s.name)
	if err == nil && len(silent) > 0 {
		err = &cluster.SilentError{Nodes: silent}
	}
	return members, brokerError(err)
}
