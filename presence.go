package wsgate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/hub"
	"github.com/wsgate/wsgate/internal/inspect"
	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/presence"
)

// Presence tells the members of a room who is in it, on any node; see [Track]. M is the metadata of a user.
type Presence[M any] struct {
	Room string `json:"room"`
	// All marks a full snapshot that replaces earlier state. New members get one first.
	All bool `json:"all,omitempty"`
	// Here are the users who came or have new metadata, by id.
	Here map[string]M `json:"here,omitempty"`
	// Gone are the ids of the users who left.
	Gone []string `json:"gone,omitempty"`
	// Count is how many users are in the room now. If there are more than [Limits].Presence, or if telling of them takes
	// more than half of [Limits].QueueBytes, Here and Gone are left out until both values have fallen a tenth below their
	// limits. Then All is set.
	Count int `json:"count"`
}

// Track makes a gateway keep track of who is in its rooms, on any node, and tell the members of each room. It is an
// entry in the table that the gateway's Events returns:
//
//	const People wsgate.Event[wsgate.Presence[Person]] = "people"
//
//	func (g *Chat) Events() wsgate.Events[Member] {
//		return wsgate.Events[Member]{
//			wsgate.Track(People, func(c *wsgate.Conn[Member], room string) (Person, bool) { return Person{c.Data.Name}, true }),
//			...
//
// Join calls meta for each room, on the goroutine that called Join. meta returns the metadata of the user, at most 4
// KiB of JSON, and whether the user is visible in the room. Events contain the room's name, so return false for any
// room whose name its members must not see. To change the metadata, join the room again. [Hub.User] says what a user
// is; connections without a user are not tracked. Several connections of a user in a room, on any nodes, count once,
// with the newest metadata.
//
// A new member gets everybody who is in the room. All others get the changes; those within 250 ms come in one event. A
// user whose last connection has left stays for [Limits].PresenceGrace, so that reloading a page produces no events.
// Users on a node that crashed are gone after 7 to 12 s. The nodes' clocks do not matter, except for deciding which of
// two versions of a user's metadata is newer.
//
// An [Options].Broker must be a [PresenceStore] as well. While it is away, members are told of this node's users, and
// those of other nodes stay as they were.
func Track[D, M any](e Event[Presence[M]], meta func(c *Conn[D], room string) (M, bool)) Binding[D] {
	b := Binding[D]{name: string(e), pos: tableEntry(), payload: reflect.TypeFor[Presence[M]](), tracks: true}
	if meta != nil {
		b.meta = func(c *Conn[D], room string) ([]byte, error) {
			m, tracked := meta(c, room)
			if !tracked {
				return nil, nil
			}
			return json.Marshal(m)
		}
	}
	return b
}

// Members returns the users in a tracked room on all nodes, by id; see [Track]. If the room has no members on this
// node, it asks the message broker, and waits until ctx is done, or 5 s.
//
// There may be a result even if there is an error. [ErrNoResponse] names nodes that sent nothing for some seconds:
// what is known of their users may be old. [ErrBroker] means that the message broker does not answer: the result is
// what this node knows.
func Members[M any](ctx context.Context, room Room) (map[string]M, error) {
	raw, err := room.present(ctx)
	if raw == nil {
		return nil, err
	}
	members := make(map[string]M, len(raw))
	decoder := inspect.DecoderFor(reflect.TypeFor[M]())
	for id, text := range raw {
		var meta M
		if wrong := decoder.Decode(text, &meta); wrong != nil {
			return nil, fmt.Errorf("wsgate: metadata of user %q is not a %s: %w", id, inspect.TypeName(reflect.TypeFor[M]()), wrong)
		}
		members[id] = meta
	}
	return members, err
}

// Count returns the number of users in a tracked room on all nodes. Errors are as for [Members].
func Count(ctx context.Context, room Room) (int, error) {
	raw, err := room.present(ctx)
	return len(raw), err
}

// present returns the users in the room with their metadata, nil for an invalid room name.
func (r Room) present(ctx context.Context) (map[string][]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	switch {
	case !r.route.app.built.Load():
		return nil, errNotBuilt
	case r.route.tracks == nil:
		return nil, fmt.Errorf("wsgate: route %q has no presence: put Track into its gateway's Events", r.route.path)
	case !r.set.IsRoom():
		return nil, fmt.Errorf("wsgate: presence is tracked by room: get one with Room(name)")
	}
	return r.set.Present(ctx)
}

var errNotBuilt = errors.New("wsgate: presence is not available before New has returned: a constructor may keep the Hub for later calls")

// tracked is a route's Track binding.
type tracked struct {
	event   string
	payload reflect.Type
	shape   inspect.Shape                                // of the payload
	meta    func(c AnyConn, room string) ([]byte, error) // nil for a room in which the user is not tracked
}

// minPresenceQueue is the least queue that holds any presence event: one user with the largest metadata, or only the
// count.
const minPresenceQueue = 8 << 10

// checkTrack returns a mistake if the binding cannot be the route's tracker. what names the binding.
func (rt *route) checkTrack(b *binding, what string) error {
	m := &mistake.Mistake{What: what, Where: b.pos}
	switch {
	case b.meta == nil:
		m.What += " is tracked without a function"
		m.Fix = "give Track a function that returns a user's metadata"
	case rt.tracks != nil:
		m.What += " is the second that is tracked"
		m.Fix = "have one Track in a gateway's Events: it serves all its rooms"
	case !rt.hasUsers:
		m.What += fmt.Sprintf(": nobody can be tracked without users, and %s tells none", inspect.TypeName(rt.data))
		m.Fix = userAdvice(rt.data)
	case rt.limits.QueueBytes < minPresenceQueue:
		m.What += fmt.Sprintf(": Limits.QueueBytes is %d, which may be too small for what members are told", rt.limits.QueueBytes)
		m.Fix = fmt.Sprintf("make Limits.QueueBytes %d or more", minPresenceQueue)
	case !rt.app.members.CanTrack():
		m.What += ": Options.Broker is no wsgate.PresenceStore, which presence needs"
		m.Fix = "use a broker that is one, as those of broker/nats and broker/redis"
	default:
		return nil
	}
	return m
}

// track makes the route's tracker. what names the binding.
func (rt *route) track(b *binding, what string) error {
	if wrong := rt.checkTrack(b, what); wrong != nil {
		return wrong
	}
	rt.tracks = &tracked{b.name, b.payload, rt.names.ShapeOf(reflect.TypeFor[Presence[json.RawMessage]]()), b.meta}
	rt.members.Track(hub.Presence{
		Encode: rt.encodePresence, Grace: rt.limits.PresenceGrace, MaxUsers: rt.limits.Presence, MaxBytes: rt.limits.QueueBytes / 2,
	})
	return nil
}

// encodePresence encodes the event for a change.
func (rt *route) encodePresence(change presence.Change[*hub.Member]) (*frame.Message, error) {
	payload := Presence[json.RawMessage]{Room: change.Room, All: change.All, Gone: change.Gone, Count: change.Count}
	if len(change.Here) > 0 {
		payload.Here = make(map[string]json.RawMessage, len(change.Here))
		for id, meta := range change.Here {
			payload.Here[id] = meta
		}
	}
	var body *envelope.Body
	defer func() { body.Free() }()
	return encode(rt, rt.tracks.event, rt.tracks.shape, payload, &body)
}

// metasOf returns the metadata of the connection's user for each room in which the user is tracked.
func (c *conn) metasOf(rooms []string) (map[string][]byte, error) {
	if c.route.tracks == nil || !c.member.HasUser() {
		return nil, nil
	}
	metas := make(map[string][]byte, len(rooms))
	for _, room := range rooms {
		meta, err := c.metaOf(room)
		if err != nil {
			return nil, err
		}
		if meta != nil {
			metas[room] = meta
		}
	}
	return metas, nil
}

func (c *conn) metaOf(room string) ([]byte, error) {
	tracks := c.route.tracks
	meta, err := tracks.meta(c.self, room)
	if err != nil {
		return nil, fmt.Errorf("wsgate: metadata of a user for %q: %w", tracks.event, err)
	}
	if !utf8.Valid(meta) { // otherwise the whole event would be invalid, on all nodes
		return nil, fmt.Errorf("wsgate: metadata of a user for %q is not UTF-8: a json.RawMessage or a MarshalJSON method has produced other bytes", tracks.event)
	}
	if len(meta) > presence.MaxMeta {
		return nil, fmt.Errorf("%w: metadata of a user for %q has %d bytes, at most %d are kept", ErrLimit, tracks.event, len(meta), presence.MaxMeta)
	}
	return meta, nil
}
