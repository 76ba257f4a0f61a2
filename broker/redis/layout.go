package redis

import "slices"

// arrange assigns every slot to its server, and stops nodes without slots.
func (b *Broker) arrange(shards []shard, err error) {
	if err != nil {
		b.puzzle(err)
		return
	}
	for _, n := range b.rearrange(shards) {
		n.stop()
		<-n.ended
	}
}

// puzzle records why the layout is unknown, unless an earlier one is known.
func (b *Broker) puzzle(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.unknown != nil {
		b.unknown = why
		b.herald.call()
	}
}

// rearrange applies a layout and returns the nodes that no longer have slots.
func (b *Broker) rearrange(shards []shard) (useless []*node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, old := b.slots, b.nodes
	b.unknown, b.slots, b.nodes = nil, make([]*node, slotCount), nil
	for _, shard := range shards {
		n := b.nodeAt(shard.addr, old)
		for slot := shard.first; slot <= shard.last; slot++ {
			b.slots[slot] = n
		}
	}
	for topic, s := range b.topics {
		if before[s.slot] != b.slots[s.slot] {
			b.move(topic, s)
		}
	}
	b.herald.call()
	return slices.DeleteFunc(old, func(n *node) bool { return slices.Contains(b.nodes, n) })
}

// nodeAt returns the node with that address, creating it if needed. The caller holds the lock.
func (b *Broker) nodeAt(addr string, old []*node) *node {
	has := func(n *node) bool { return n.addrs[0] == addr }
	if i := slices.IndexFunc(b.nodes, has); i >= 0 {
		return b.nodes[i]
	}
	var n *node
	if i := slices.IndexFunc(old, has); i >= 0 {
		n = old[i]
	} else {
		n = b.startNode([]string{addr})
	}
	b.nodes = append(b.nodes, n)
	return n
}

// move moves the subscription to another server. The previous one ends it when it learns that the slot has moved. The
// caller holds the lock.
func (b *Broker) move(topic string, s *subscription) {
	if s.state == made {
		b.miss(s)
	}
	if l, err := b.linkOf(s.slot); err == nil {
		l.doubt(topic)
	} else {
		b.miss(s)
	}
}
