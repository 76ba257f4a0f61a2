package hub

import (
	"context"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/presence"
	"github.com/wsgate/wsgate/internal/transport"
)

// Limits apply to the connections of one route.
type Limits struct {
	Rooms      int // that a connection is in
	QueueBytes int // of a connection
}

// Route holds the connections of one route.
type Route struct {
	hub    *Hub
	path   string
	limits Limits

	counters transport.Counters

	all   index
	rooms indexes
	users indexes

	presence *presence.Tracker[*Member] // nil without Track
}

// Route adds a route. It is called before the first connection.
func (h *Hub) Route(path string, limits Limits) *Route {
	rt := &Route{
		hub: h, path: path, limits: limits,
		all:   index{topic: cluster.Topic("route", path)},
		rooms: indexes{topics: cluster.Topic("room", path)},
		users: indexes{topics: cluster.Topic("user", path)},
	}
	h.routes[path] = rt
	return rt
}

// subscribe subscribes to the set's topic and waits for the confirmation. Each call without an error needs a Release of
// the topic.
func (rt *Route) subscribe(ctx context.Context, s Set) error {
	return rt.hub.node.Acquire(ctx, s.topic(), s.handle)
}
