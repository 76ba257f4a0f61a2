package hub

import (
	"context"
	"encoding/binary"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/frame"
)

const maxDisconnectText = 64 << 10 // bytes of a path, a name or a reason

// Disconnect closes the members of the sets, on every node. It returns when all nodes have begun to close them. It
// waits for that until ctx is done, or 5 s; then the error is [ErrNoResponse]. If the message broker is away, the
// error is [ErrBroker], and the members on this node are closed.
func (h *Hub) Disconnect(ctx context.Context, sets []Set, code websocket.StatusCode, reason string) error {
	for _, s := range sets {
		s.close(code, reason, nil)
	}
	if !frame.Sendable(code) {
		code = websocket.StatusInternalError // as on this node
	}
	b := binary.AppendUvarint(nil, uint64(code))
	b = cluster.AppendString(b, frame.CutReason(reason))
	for _, s := range sets {
		if len(s.name) > maxDisconnectText {
			return nil // no set has such a name
		}
		except, err := s.remoteExceptions()
		if err != nil {
			return err
		}
		b = append(b, byte(s.kind))
		b = cluster.AppendString(b, s.route.path)
		b = cluster.AppendString(b, s.name)
		b = appendIDs(b, except)
	}
	return brokerError(h.node.Request(ctx, b))
}

// close closes the members on this node, except those with one of the ids.
func (s Set) close(code websocket.StatusCode, reason string, except map[string]bool) {
	var now []*Member // not under the index's lock, since closing takes other locks
	s.Each(func(m *Member) { now = append(now, m) })
	for _, m := range now {
		if !except[m.id] {
			m.Close(code, reason)
		}
	}
}

// disconnectRequested handles a Disconnect of another node. It reports false for an invalid request.
func (h *Hub) disconnectRequested(body []byte) bool {
	code, n := binary.Uvarint(body)
	if n <= 0 || code > 4999 {
		return false
	}
	reason, body, err := cluster.CutString(body[n:], maxDisconnectText)
	for err == nil && len(body) > 0 {
		set := Set{kind: kind(body[0])}
		var path string
		if path, body, err = cluster.CutString(body[1:], maxDisconnectText); err != nil {
			break
		}
		if set.name, body, err = cluster.CutString(body, maxDisconnectText); err != nil {
			break
		}
		except, rest, ok := cutIDs(body)
		if !ok || set.kind > ofUser {
			return false
		}
		body = rest
		if set.route = h.routes[path]; set.route != nil { // this node may lack a route that the other has
			set.close(websocket.StatusCode(code), reason, except)
		}
	}
	return err == nil
}
