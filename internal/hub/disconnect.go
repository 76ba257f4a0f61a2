package hub

import (
	"context"
	"encoding/binary"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/frame"
)

const maxDisconnectReason = 64 << 10 // bytes

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
	_, err := h.request(ctx, b, sets)
	return err
}

// close closes the members on this node, except those with one of the ids.
func (s Set) close(code websocket.StatusCode, reason string, except map[string]bool) {
	for _, m := range s.now(except) {
		m.Close(code, reason)
	}
}

// disconnectRequested handles a Disconnect of another node. It reports false for an invalid request.
func (h *Hub) disconnectRequested(code websocket.StatusCode, body []byte) bool {
	reason, body, err := cluster.CutString(body, maxDisconnectReason)
	return err == nil && h.eachSet(body, func(s Set, except map[string]bool) { s.close(code, reason, except) })
}
