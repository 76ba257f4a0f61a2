package hub

import (
	"context"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/presence"
)

// Limits hold for the connections of one route.
type Limits struct {
	Rooms      int // that a connection is in
	QueueBytes int // of a connection
}

// Route is the connections of one route.
type Route struct {
	hub    *Hub
	path   string
	limits Limits

	all   index
	rooms indexes
	users indexes

	presence *presence.Tracker[*Member] // nil without Track
}

// Route adds a route, before there is any connection.
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

// subscribe returns when what other nodes send to the set will arrive. Each call without an error needs a Release of the
// set's topic.
func (rt *Route) subscribe(ctx context.Context, s Set) error {
	return rt.hub.node.Acquire(ctx, s.topic(), s.handle)
}
