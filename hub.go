package wsgate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/hub"
)

// Target is what a message or an event can be sent to: a [*Conn], a [Room], the [*Hub], or the target that
// [Conn.Paced] returns, whose sender waits. Only this package implements it, so that methods can be added.
type Target interface {
	// Send queues a message. It never blocks, except for a target of Conn.Paced.
	Send(m Message) error

	deliver(encoder) error
}

// encoder encodes the message for the connections of a route.
type encoder func(*route) (*frame.Message, error)

// Hub is every open connection of an App, or the connections of one user if it comes from [Hub.User]. A constructor
// that asks for a *Hub gets it, and [App.Hub] returns it. A connection is in the hub from just before its OnOpen until
// its OnClose has returned. The methods may be called from any goroutine. With [Options].Broker, Send and Disconnect
// reach the connections on every node; Len and Conns are about this node.
//
// A constructor may use the hub at once and hand it to goroutines. Until New has returned, nobody is connected to this
// node, and [Members] and [Count] return an error.
type Hub struct {
	app    *App
	routes map[string]*route // by path; never changes once a constructor runs
	user   *string           // nil for all
}

// User returns the connections of a user, on any route. They are the connections whose data, as OnUpgrade returned it,
// has a method
//
//	UserID() string
//
// that returned this id. The method is called once for each connection; "" means no user.
func (h *Hub) User(id string) *Hub { return &Hub{app: h.app, routes: h.routes, user: &id} }

// At returns all connections of the route with that path, written as it was registered. For a path that no route has,
// the room is empty and sending to it is an error. As this is a mistake in the program, it is also logged, once for
// each line that makes it.
func (h *Hub) At(path string) Room {
	rt, ok := h.routes[path]
	if !ok {
		err := fmt.Errorf("wsgate: no route has the path %q; there are %s", path, strings.Join(slices.Sorted(maps.Keys(h.routes)), ", "))
		h.app.logMistake("wsgate: Hub.At of a path that no route has", err)
		return Room{err: err}
	}
	if h.user != nil && !rt.hasUsers {
		err := fmt.Errorf("wsgate: route %q has no users: give the data that its OnUpgrade returns a method UserID() string", path)
		h.app.logMistake("wsgate: Hub.User of a route without users", err)
		return Room{err: err}
	}
	if h.user != nil {
		return Room{route: rt, set: rt.members.User(*h.user)}
	}
	return Room{route: rt, set: rt.members.All()}
}

// rooms returns the internal hub's route of each route.
func (h *Hub) rooms() (rooms []Room, err error) {
	for path, rt := range h.routes {
		if h.user == nil || rt.hasUsers {
			rooms = append(rooms, h.At(path))
		}
	}
	if h.user != nil && len(rooms) == 0 {
		h.app.logMistake("wsgate: Hub.User without users", errNoUsers)
		return nil, errNoUsers
	}
	return rooms, nil
}

var errNoUsers = errors.New("wsgate: no gateway has users: give the data that OnUpgrade returns a method UserID() string")

// Conns returns the connections that are open now, on this node.
func (h *Hub) Conns() iter.Seq[AnyConn] {
	return func(yield func(AnyConn) bool) {
		rooms, _ := h.rooms()
		for _, r := range rooms {
			for c := range r.Conns() {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// Len returns the number of open connections, on this node.
func (h *Hub) Len() int {
	n := 0
	rooms, _ := h.rooms()
	for _, r := range rooms {
		n += r.Len()
	}
	return n
}

// Send queues a message for every open connection. It never blocks.
func (h *Hub) Send(m Message) error {
	shared, err := m.finished()
	if err != nil {
		return err
	}
	return h.deliver(func(*route) (*frame.Message, error) { return shared, nil })
}

// Disconnect closes every connection, on every node; see [Room.Disconnect].
func (h *Hub) Disconnect(ctx context.Context, code websocket.StatusCode, reason string) error {
	rooms, err := h.rooms()
	if err != nil || len(rooms) == 0 {
		return err
	}
	return h.app.members.Disconnect(ctx, sets(rooms), code, reason)
}

// Refresh has the sessions of all connections renewed or ended, on every node, without waiting for their end. Use it with
// [Hub.User] after what the data has of a user has changed, such as a role, and when the user has logged out: OnRefresh is
// asked without a token, and what it returns takes the place of the data. If its error has the code [Unauthenticated],
// the session ends now: the client is asked for a token, and has [Limits].RefreshGrace for it. Without User, the
// connections are not asked all at once, but within [Limits].Refresh.
//
// Refresh concerns gateways with an OnRefresh, see [Refresher]. It returns when all nodes have been told. The errors are
// those of [Room.Disconnect].
func (h *Hub) Refresh(ctx context.Context) error {
	rooms, err := h.rooms()
	if err != nil {
		return err
	}
	rooms = slices.DeleteFunc(rooms, func(r Room) bool { return r.route.token == nil })
	if len(rooms) == 0 {
		h.app.logMistake("wsgate: Hub.Refresh without OnRefresh", errNoRefresh)
		return errNoRefresh
	}
	return h.app.members.Refresh(ctx, sets(rooms))
}

var errNoRefresh = errors.New("wsgate: no gateway renews sessions: give one an OnRefresh, and its data a method ExpiresAt() time.Time")

// Online reports whether there is an open connection, on any node. With [Hub.User] it tells whether the user is
// connected. It asks other nodes only if there is none on this one. If they do not answer until ctx is done, or in 5 s,
// and no other node has one, the error is [ErrNoResponse]; if the message broker is away, it is [ErrBroker].
func (h *Hub) Online(ctx context.Context) (bool, error) {
	rooms, err := h.rooms()
	if err != nil || len(rooms) == 0 {
		return false, err
	}
	return h.app.members.Online(ctx, sets(rooms))
}

// sets returns the internal hub's set of each room.
func sets(rooms []Room) []hub.Set {
	sets := make([]hub.Set, len(rooms))
	for i, r := range rooms {
		sets[i] = r.set
	}
	return sets
}

func (h *Hub) deliver(encode encoder) error {
	rooms, err := h.rooms()
	if err != nil {
		return err
	}
	messages := make([]*frame.Message, len(rooms))
	errs := make([]error, len(rooms))
	for i, r := range rooms {
		messages[i], errs[i] = encode(r.route)
	}
	if err := errors.Join(errs...); err != nil { // before anything is sent
		return err
	}
	for i, r := range rooms {
		errs[i] = r.send(messages[i])
	}
	return errors.Join(errs...)
}
