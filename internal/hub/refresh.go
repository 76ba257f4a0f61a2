package hub

import (
	"context"
	"encoding/binary"
)

// Refresh calls [Config].Refresh for the members of the sets, on every node. Its errors are those of [Hub.Disconnect].
func (h *Hub) Refresh(ctx context.Context, sets []Set) error {
	for _, s := range sets {
		s.refresh(nil)
	}
	_, err := h.request(ctx, binary.AppendUvarint(nil, requestRefresh), sets)
	return err
}

func (s Set) refresh(except map[string]bool) {
	for _, m := range s.now(except) {
		s.route.hub.config.Refresh(m, s.kind == everybody)
	}
}

// Online reports whether one of the sets has a member, on any node. It asks the other nodes only if there is none on
// this one. The errors are those of [Hub.Disconnect]; then there is no member on the nodes that did answer.
func (h *Hub) Online(ctx context.Context, sets []Set) (bool, error) {
	for _, s := range sets {
		if s.online(nil) {
			return true, nil
		}
	}
	return h.request(ctx, binary.AppendUvarint(nil, requestOnline), sets)
}

// online reports whether the set has a member on this node that is not closing.
func (s Set) online(except map[string]bool) bool {
	for _, m := range s.now(except) {
		if m.t.Context().Err() == nil {
			return true
		}
	}
	return false
}
