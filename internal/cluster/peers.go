package cluster

import (
	"slices"
	"sync"
	"time"
)

// peers are the other nodes.
type peers struct {
	mu   sync.Mutex           // guards following
	last map[string]time.Time // last sign of life of each live node
	dead map[string]struct{}  // declared dead and not heard since
}

// maxNodes bounds the nodes that are remembered, here and by each topic.
const maxNodes = 4096

func (p *peers) heard(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(id)
}

// note records a sign of life. The caller holds the lock.
func (p *peers) note(id string) {
	if p.last == nil {
		p.last = map[string]time.Time{}
	}
	if _, ok := p.last[id]; !ok && len(p.last) >= maxNodes {
		return
	}
	p.last[id] = time.Now()
	delete(p.dead, id)
}

// lives reports whether a node is known to be alive.
func (p *peers) lives(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.last[id]
	return ok
}

func (p *peers) gone(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveUp(id)
}

// giveUp records a node as dead. The caller holds the lock.
func (p *peers) giveUp(id string) {
	delete(p.last, id)
	if p.dead == nil || len(p.dead) >= maxNodes {
		p.dead = map[string]struct{}{}
	}
	p.dead[id] = struct{}{}
}

// forget removes all nodes.
func (p *peers) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.dead = nil, nil
}

// refresh restarts the timeout of every node.
func (p *peers) refresh() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.last {
		p.last[id] = time.Now()
	}
}

// expire records nodes that are silent for too long as dead, and returns them.
func (p *peers) expire() (expired []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, last := range p.last {
		if time.Since(last) >= deadAfter {
			expired = append(expired, id)
			p.giveUp(id)
		}
	}
	return expired
}

// Alive reports whether a node is not known to be dead. It starts the timeout of an unknown node, whose id may come
// from a table.
func (n *Node) Alive(id string) bool {
	if id == "" || len(id) > maxNodeID {
		return false
	}
	p := &n.peers
	p.mu.Lock()
	defer p.mu.Unlock()
	_, dead := p.dead[id]
	_, known := p.last[id]
	if !dead && !known && id != n.id {
		p.note(id)
	}
	return !dead
}

// Peers returns the other live nodes, sorted.
func (n *Node) Peers() []string { return n.peers.silentFor(-1) }

// Silent returns the other nodes that have missed heartbeats and may be dead, sorted.
func (n *Node) Silent() []string { return n.peers.silentFor(silentAfter) }

func (p *peers) silentFor(d time.Duration) (ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, last := range p.last {
		if time.Since(last) > d {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
