package wsgate

import (
	"context"
	"encoding/binary"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/frame"
)

// Disconnect closes every connection in the room, on every node, as [Conn.Close] does. It returns when all nodes have
// begun to, which it waits for until ctx is done, or 5 s: then the error is [ErrSilent] and names the nodes that did not
// answer. With the engine away it is [ErrBroker], and the connections on this node are closed.
func (r Room) Disconnect(ctx context.Context, code websocket.StatusCode, reason string) error {
	if r.err != nil {
		return r.err
	}
	if r.route == nil {
		return errNoRoom
	}
	r.close(code, reason)
	return r.route.app.askDisconnect(ctx, []Room{r}, code, reason)
}

// Disconnect closes every connection, on every node; see [Room.Disconnect].
func (h *Hub) Disconnect(ctx context.Context, code websocket.StatusCode, reason string) error {
	rooms, err := h.rooms()
	if err != nil || len(rooms) == 0 {
		return err
	}
	for _, r := range rooms {
		r.close(code, reason)
	}
	return rooms[0].route.app.askDisconnect(ctx, rooms, code, reason)
}

// close closes the connections on this node.
func (r Room) close(code websocket.StatusCode, reason string) {
	for c := range r.Conns() {
		c.Close(code, reason)
	}
}

// askDisconnect has the other nodes close connections: the code, the reason, and for each room its kind, the path, the
// name and the exceptions.
func (a *App) askDisconnect(ctx context.Context, rooms []Room, code websocket.StatusCode, reason string) error {
	if !frame.Sendable(code) && code != websocket.StatusNoStatusRcvd {
		code = websocket.StatusInternalError // as on this node
	}
	b := binary.AppendUvarint(nil, uint64(code))
	b = cluster.AppendString(b, frame.CutReason(reason))
	for _, r := range rooms {
		if len(r.name) > maxDisconnectText {
			return nil // nobody has such a name
		}
		except, err := r.elsewhere()
		if err != nil {
			return err
		}
		b = append(b, r.kind())
		b = cluster.AppendString(b, r.route.path)
		b = cluster.AppendString(b, r.name)
		b = appendIDs(b, except)
	}
	return brokerError(a.node.Ask(ctx, b))
}

const maxDisconnectText = 64 << 10 // bytes of a path, a name or a reason

// disconnectAsked is what another node's Disconnect does on this one. It reports false for what no node asks.
func (a *App) disconnectAsked(body []byte) bool {
	code, n := binary.Uvarint(body)
	if n <= 0 || code > 4999 {
		return false
	}
	reason, body, err := cluster.CutString(body[n:], maxDisconnectText)
	for err == nil && len(body) > 0 {
		var path, name string
		kind := body[0]
		if path, body, err = cluster.CutString(body[1:], maxDisconnectText); err != nil {
			break
		}
		if name, body, err = cluster.CutString(body, maxDisconnectText); err != nil {
			break
		}
		except, rest, ok := cutIDs(body)
		if !ok || kind > setUser {
			return false
		}
		body = rest
		rt := a.hub.routes[path]
		if rt == nil {
			continue // the other node has a route more than this one
		}
		for c := range rt.room(kind, name).Conns() {
			if !except[c.ID()] {
				c.Close(websocket.StatusCode(code), reason)
			}
		}
	}
	return err == nil
}
