package hub

import (
	"github.com/wsgate/wsgate/internal/guard"
	"github.com/wsgate/wsgate/internal/transport"
)

// Sizes are how much of a route is on this node.
type Sizes struct {
	Connections int
	Rooms       int // with a connection in them
	Users       int // with a connection
	Present     int // users whom Track shows in a room because of a connection here, in each of their rooms
}

// Sizes returns the sizes of the route.
func (rt *Route) Sizes() Sizes {
	s := Sizes{Connections: rt.all.len(), Rooms: rt.rooms.len(), Users: rt.users.len()}
	if rt.presence != nil {
		s.Present = rt.presence.Local()
	}
	return s
}

// Counters counts what the route's connections send and receive.
func (rt *Route) Counters() *transport.Counters { return &rt.counters }

// Counts adds up what the connections have counted.
func (rt *Route) Counts() transport.Counts { return rt.counters.Sum(rt.all.conns) }

// Traffic is what this node has exchanged with others.
type Traffic struct {
	Published, Failed, Received uint64
	Ignored                     map[string]uint64 // of those received, by reason
	Lost                        uint64            // of those published, as far as the broker knows
	Topics, Nodes               int               // subscribed to; other nodes alive
}

// Traffic returns what this node has exchanged with others.
func (h *Hub) Traffic() Traffic {
	t := Traffic{Ignored: h.node.Ignored(), Topics: h.node.Topics(), Nodes: h.node.Others()}
	t.Published, t.Failed, t.Received = h.node.Traffic()
	if b, ok := h.config.Broker.(interface{ Dropped() uint64 }); ok {
		_ = guard.Call(func() error { t.Lost = b.Dropped(); return nil })
	}
	return t
}

func (x *index) len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.entries)
}

// conns returns the connections at this moment.
func (x *index) conns() []*transport.Conn {
	x.mu.RLock()
	defer x.mu.RUnlock()
	conns := make([]*transport.Conn, len(x.entries))
	for i, e := range x.entries {
		conns[i] = e.t
	}
	return conns
}

func (xs *indexes) len() int {
	xs.mu.RLock()
	defer xs.mu.RUnlock()
	return len(xs.byName)
}
