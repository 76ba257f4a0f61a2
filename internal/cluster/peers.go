package cluster

import (
	"slices"
	"sync"
	"time"
)

// peers are the other nodes.
type peers struct {
	mu   sync.Mutex           // guards following
	last map[string]time.Time // when a living node was heard of
	dead map[string]struct{}  // those that were given up and were not heard since
}

// mostNodes is how many other nodes are remembered, by each topic as well.
const mostNodes = 4096

func (p *peers) heard(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(id)
}

// note needs the lock.
func (p *peers) note(id string) {
	if p.last == nil {
		p.last = map[string]time.Time{}
	}
	if _, ok := p.last[id]; !ok && len(p.last) >= mostNodes {
		return
	}
	p.last[id] = time.Now()
	delete(p.dead, id)
}

// lives reports whether a node was heard of lately.
func (p *peers) lives(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.last[id]
	return ok
}

func (p *peers) gone(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.give(id)
}

// give needs the lock.
func (p *peers) give(id string) {
	delete(p.last, id)
	if p.dead == nil || len(p.dead) >= mostNodes {
		p.dead = map[string]struct{}{}
	}
	p.dead[id] = struct{}{}
}

// forget forgets all: nobody can be heard any more.
func (p *peers) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.dead = nil, nil
}

// refresh gives every node the time to be heard again.
func (p *peers) refresh() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.last {
		p.last[id] = time.Now()
	}
}

// expire gives up the nodes that are silent for too long, and returns them.
func (p *peers) expire() (expired []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, last := range p.last {
		if time.Since(last) >= deadAfter {
			expired = append(expired, id)
			p.give(id)
		}
	}
	return expired
}

// Alive reports whether a node lives as far as is known. One that was never heard of is given the time to be heard, if it
// is one: the id may come from a table.
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

// Peers returns the other nodes that live, sorted.
func (n *Node) Peers() []string { return n.peers.silentFor(-1) }

// Silent returns the other nodes that were not heard of lately and may be dead, sorted.
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
