package wsgate

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/wsgate/wsgate/internal/text"
	"github.com/wsgate/wsgate/internal/transport"
)

// enter prepares for the connection before it is accepted: room for its user, and what other nodes send to it.
func (c *conn) enter(ctx context.Context, deadline time.Time) *transport.Refusal {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	rt := c.route
	if !rt.app.users.enter(c.user) {
		return &transport.Refusal{Status: http.StatusTooManyRequests, Message: "too many connections of this user", RetryAfter: retryAfter()}
	}
	err := rt.hear(ctx, rt.room(setAll, ""))
	if err == nil && c.user != nil {
		if err = rt.hear(ctx, rt.room(setUser, c.user.id)); err != nil {
			rt.app.node.Release(rt.all.topic)
		}
	}
	if err != nil {
		rt.app.users.leave(c.user)
		rt.app.node.news.tell(func() {
			rt.app.logLimited(context.Background(), slog.LevelWarn, "wsgate: upgrade refused", brokerError(err), "path", rt.path)
		})
		return unavailable("the broker does not answer")
	}
	c.entered = true
	return nil
}

// exit undoes enter.
func (c *conn) exit() {
	if !c.entered {
		return
	}
	rt := c.route
	rt.app.node.Release(rt.all.topic)
	if c.user != nil {
		rt.app.node.Release(rt.users.topic(c.user.id))
	}
	rt.app.users.leave(c.user)
}

// hear returns when what other nodes send to the room will arrive. Each call without an error needs a Release of the
// room's topic.
func (rt *route) hear(ctx context.Context, r Room) error {
	return rt.app.node.Acquire(ctx, r.topic(), r.hears())
}

// appear makes the connection one of its route's and of its user's. vanish undoes it.
func (c *conn) appear() {
	rt := c.route
	rt.all.add(c, &c.seat)
	if c.user != nil {
		rt.users.join(c.user.id, rt.users.topic(c.user.id), c, &c.user.seat)
	}
}

func (c *conn) vanish() {
	c.route.all.remove(&c.seat, false)
	if c.user != nil {
		c.route.users.leave(c.user.id, &c.user.seat)
	}
	c.exit()
}

// Join adds the connection to rooms of its gateway. Joining a room twice is joining it once. It returns an [*Error]
// with code [Invalid] for a name that is empty, too long or not a line of valid UTF-8 (it has control characters or
// line breaks), [ErrLimit] for more rooms than
// [Limits].Rooms, and [ErrClosed] once OnClose has returned; then it has joined none of them.
//
// With [Options].Broker, Join returns when what other nodes send to the rooms from now on will arrive. If nobody else
// on this node is in the room, that is one round trip to the engine. If the engine does not confirm within 5 s, or
// refuses, the error is [ErrBroker]. While the engine is away Join returns at once without an error, and what other
// nodes send arrives when it is back. If the gateway has [Track], joining a room again renews the user's metadata.
func (c *conn) Join(names ...string) error {
	for _, name := range names {
		if err := c.route.checkRoomName(name); err != nil {
			return err
		}
	}
	metas, err := c.metasOf(names)
	if err != nil {
		return err
	}
	joining, err := c.notYetIn(names)
	if err != nil {
		return err
	}
	acquired, err := c.acquire(joining)
	if err == nil {
		acquired, err = c.take(acquired, names, metas)
	}
	c.release(acquired) // what was not needed after all
	return err
}

// notYetIn returns those of the rooms in which the connection is not, each once.
func (c *conn) notYetIn(names []string) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.joinable(names)
}

// joinable needs the lock.
func (c *conn) joinable(names []string) ([]string, error) {
	if c.left {
		return nil, ErrClosed
	}
	joining := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return c.rooms[name] != nil })
	slices.Sort(joining)
	joining = slices.Compact(joining)
	if have := len(c.rooms) + len(joining); have > c.route.limits.Rooms {
		return nil, tooManyRooms(have, c.route.limits.Rooms)
	}
	return joining, nil
}

// acquire sees to it that what other nodes send to the rooms arrives. It returns the rooms for which it does.
func (c *conn) acquire(names []string) (acquired []string, err error) {
	rt, ctx := c.route, c.t.Context()
	if ctx.Err() != nil { // OnClose may still join
		ctx = context.WithoutCancel(ctx)
	}
	for _, name := range names {
		err := rt.hear(ctx, rt.room(setRoom, name))
		if err != nil && ctx.Err() != nil {
			return acquired, ErrClosed
		}
		if err != nil {
			return acquired, fmt.Errorf("joining %q: %w", name, brokerError(err))
		}
		acquired = append(acquired, name)
	}
	return acquired, nil
}

// take enters the rooms whose topics were acquired, unless something has come between. It returns the rooms whose
// topics are to be released. In those that are named the user has the metadata.
func (c *conn) take(acquired, named []string, metas map[string][]byte) (surplus []string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	joining, err := c.joinable(acquired)
	if err != nil {
		return acquired, err
	}
	if c.rooms == nil {
		c.rooms = make(map[string]*seat, len(joining))
	}
	for _, name := range named {
		if c.rooms[name] != nil || slices.Contains(joining, name) {
			c.appearIn(name, metas[name]) // first: a newcomer hears of everybody before any change
		}
	}
	for _, name := range joining {
		s := new(seat)
		c.route.rooms.join(name, c.route.rooms.topic(name), c, s)
		c.rooms[name] = s
	}
	return slices.DeleteFunc(acquired, func(name string) bool { return slices.Contains(joining, name) }), nil
}

// release undoes acquire.
func (c *conn) release(names []string) {
	for _, name := range names {
		c.route.app.node.Release(c.route.rooms.topic(name))
	}
}

// Leave takes the connection out of rooms. Leaving a room it is not in does nothing.
func (c *conn) Leave(names ...string) {
	c.mu.Lock()
	var left []string
	for _, name := range names {
		if c.leave(name) {
			left = append(left, name)
		}
	}
	c.mu.Unlock()
	c.release(left)
}

// leave needs the lock. It reports whether the connection was in the room, whose topic is then to be released.
func (c *conn) leave(name string) bool {
	s := c.rooms[name]
	if s == nil {
		return false
	}
	c.route.rooms.leave(name, s)
	c.vanishFrom(name)
	delete(c.rooms, name)
	return true
}

// leaveAll is the end of membership.
func (c *conn) leaveAll() {
	c.mu.Lock()
	names := slices.Collect(maps.Keys(c.rooms))
	for _, name := range names {
		c.leave(name)
	}
	c.left, c.rooms = true, nil
	c.mu.Unlock()
	c.release(names)
}

// checkRoomName returns an error for a name that no room can have.
func (rt *route) checkRoomName(name string) error {
	switch most := rt.limits.RoomName; {
	case name == "":
		return Errorf(Invalid, "a room's name is not empty")
	case len(name) > most:
		return Errorf(Invalid, "a room's name has at most %d bytes, not %d", most, len(name))
	case !text.IsLine(name):
		return Errorf(Invalid, "a room's name %s", text.NotLine)
	}
	return nil
}
