package cluster

// Reason says why a message from another node is ignored.
type Reason int

// The reasons.
const (
	Garbage  Reason = iota // no message of this version
	TooLarge               // over the limits
	Late                   // it came twice, or after a later one
	Invalid                // of an unknown kind, or with a body that its receiver cannot use
	Crowded                // its node has sent more than can wait
	reasons
)

// String returns the reason in a word.
func (r Reason) String() string {
	return [reasons]string{"garbage", "too_large", "late", "invalid", "crowded"}[r]
}

// Drop counts a message that is ignored.
func (n *Node) Drop(why Reason) { n.ignored[why].Add(1) }

// Ignored returns the number of ignored messages from other nodes by reason. It has every reason.
func (n *Node) Ignored() map[string]uint64 {
	byReason := make(map[string]uint64, reasons)
	for why := range reasons {
		byReason[why.String()] = n.ignored[why].Load()
	}
	return byReason
}

// Traffic returns how many messages the broker has accepted from this node, how many it has not, and how many have
// arrived from other nodes, the ignored ones included. Heartbeats count as well.
func (n *Node) Traffic() (published, failed, received uint64) {
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		published += s.seq - s.failed
		failed += s.failed
		s.mu.Unlock()
		received += n.arrived[i].messages.Load()
	}
	return published, failed, received
}

// Topics returns the number of topics that are subscribed to.
func (n *Node) Topics() int { return n.topics.count() }

// Others returns the number of other nodes that are known to be alive.
func (n *Node) Others() int {
	n.peers.mu.Lock()
	defer n.peers.mu.Unlock()
	return len(n.peers.last)
}
