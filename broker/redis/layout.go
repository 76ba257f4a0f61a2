package redis

import "slices"

// arrange has every slot used where it is, and ends what goes on with servers that have none.
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

// puzzle notes why the cluster is not known, if it is not known at all.
func (b *Broker) puzzle(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.unknown != nil {
		b.unknown = why
		b.herald.call()
	}
}

// rearrange returns the nodes that have no slots any more.
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

// nodeAt returns the node with that address, a new one if it is not known yet. It needs the lock.
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

// move has another server have the subscription. The one before ends it when it knows that the slot is not its own any
// more. It needs the lock.
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
