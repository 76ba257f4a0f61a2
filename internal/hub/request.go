package hub

import (
	"context"
	"encoding/binary"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/cluster"
)

// A request to all nodes begins with what it is for: the close code of a Disconnect, or one of these, which nodes of
// older versions do not answer. The sets follow.
const (
	maxCloseCode = 4999

	requestRefresh = 5000
	requestOnline  = 5001
)

const maxSetName = 64 << 10 // bytes of a path or a name

// request sends a request about sets to all other nodes and waits for their answers. It reports whether one of them has
// answered yes; then it does not wait for the others.
func (h *Hub) request(ctx context.Context, b []byte, sets []Set) (yes bool, err error) {
	for _, s := range sets {
		if len(s.name) > maxSetName {
			return false, nil // no set has such a name
		}
		except, err := s.remoteExceptions()
		if err != nil {
			return false, err
		}
		b = append(b, byte(s.kind))
		b = cluster.AppendString(b, s.route.path)
		b = cluster.AppendString(b, s.name)
		b = appendIDs(b, except)
	}
	yes, err = h.node.Request(ctx, b)
	return yes, brokerError(err)
}

// requested handles a request of another node. ok is false for an invalid one, which is not answered.
func (h *Hub) requested(body []byte) (yes, ok bool) {
	what, n := binary.Uvarint(body)
	if n <= 0 {
		return false, false
	}
	switch body = body[n:]; {
	case what <= maxCloseCode:
		ok = h.disconnectRequested(websocket.StatusCode(what), body)
	case what == requestRefresh:
		ok = h.eachSet(body, func(s Set, except map[string]bool) { s.refresh(except) })
	case what == requestOnline:
		ok = h.eachSet(body, func(s Set, except map[string]bool) { yes = yes || s.online(except) })
	}
	return yes, ok
}

// eachSet calls f for the sets of a request, without those of routes that this node lacks. It reports false for an
// invalid request, at which it stops.
func (h *Hub) eachSet(body []byte, f func(s Set, except map[string]bool)) bool {
	for len(body) > 0 {
		set := Set{kind: kind(body[0])}
		path, rest, err := cluster.CutString(body[1:], maxSetName)
		if err != nil {
			return false
		}
		if set.name, rest, err = cluster.CutString(rest, maxSetName); err != nil {
			return false
		}
		except, rest, ok := cutIDs(rest)
		if !ok || set.kind > ofUser {
			return false
		}
		body = rest
		if set.route = h.routes[path]; set.route != nil {
			f(set, except)
		}
	}
	return true
}

// now returns the members on this node, except those with one of the ids. Unlike Each, it holds no lock while they are
// used.
func (s Set) now(except map[string]bool) (now []*Member) {
	s.Each(func(m *Member) {
		if !except[m.id] {
			now = append(now, m)
		}
	})
	return now
}
