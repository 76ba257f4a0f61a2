package presence

import (
	"context"
	"maps"
	"slices"
)

// Members returns the metadata of all users in a room, on all nodes, by id. If the message broker does not answer, it
// returns the users that this node knows of, and an error. silent are the nodes that have missed heartbeats, so that
// the data about their users may be outdated.
func (t *Tracker[C]) Members(ctx context.Context, name string) (members map[string][]byte, silent []string, err error) {
	known, others, complete := t.known(name)
	if away := t.Node.Away(); away != nil {
		return known, others, away
	}
	if complete {
		return known, t.silent(others), nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	rows, err := t.Store.Rows(ctx, t.Table(name))
	if err != nil {
		return known, others, err
	}
	remote := parseRows(rows)
	maps.DeleteFunc(remote, func(node string, _ map[string]value) bool {
		return node == t.Node.ID() || !t.Node.Alive(node)
	})
	r := newRoom[C](name) // to merge the nodes' data
	r.remote = remote
	t.mu.Lock()
	if here := t.rooms[name]; here != nil {
		r.local = here.local
	}
	members = r.all()
	t.mu.Unlock()
	return members, t.silent(nodes(remote)), nil
}

// known returns this node's copy of a room, and the other nodes that it comes from. It is complete if the room has
// members here, because then the node receives the room's deltas.
func (t *Tracker[C]) known(name string) (members map[string][]byte, others []string, complete bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rooms[name]
	if r == nil {
		return map[string][]byte{}, nil, false
	}
	return r.all(), nodes(r.remote), r.loaded && !r.load && !r.loading && len(r.conns) > 0
}

// Local returns the number of users in rooms through connections of this node. A user counts in each room, and for the
// grace after leaving it.
func (t *Tracker[C]) Local() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.rooms {
		n += len(r.local)
	}
	return n
}

func nodes(remote map[string]map[string]value) (ids []string) {
	for node, users := range remote {
		if len(users) > 0 {
			ids = append(ids, node)
		}
	}
	slices.Sort(ids)
	return ids
}

// silent returns those of the nodes that have missed heartbeats.
func (t *Tracker[C]) silent(nodes []string) []string {
	late := t.Node.Silent()
	return slices.DeleteFunc(nodes, func(node string) bool { return !slices.Contains(late, node) })
}
