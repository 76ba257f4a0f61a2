// Package cluster implements one node of a cluster whose nodes are connected by a message broker: what it subscribes
// to, what it publishes, which other nodes there are, and requests to all of them.
package cluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/maphash"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

// Broker is wsgate.Broker.
type Broker interface {
	Publish(topic string, message []byte) error
	Subscribe(ctx context.Context, topic string, receive func(message []byte)) (unsubscribe func(), err error)
	Watch(changed func(err error)) (stop func())
}

// Node is this node of the cluster.
type Node struct {
	id      string
	broker  Broker // nil for a single node, which neither subscribes nor publishes
	maxBody int    // maximum size of a message's body in bytes
	topics  subscriptions
	ignored [reasons]atomic.Uint64
	arrived [shardCount]struct {
		messages atomic.Uint64
		_        [56]byte // no two shards share a cache line
	}
	leave  context.CancelFunc // cancels waits for the message broker
	shards [shardCount]shard

	peers    peers
	requests requests
	loop     loop
}

// shard numbers the messages of some topics. Publishing under its lock keeps them in order.
type shard struct {
	mu      sync.Mutex // guards following
	seq     uint64
	failed  uint64 // of these, the broker has not accepted
	scratch []byte
}

const (
	shardCount = 64
	maxScratch = 16 << 10 // buffer size that a shard keeps for its next message
)

var seed = maphash.MakeSeed()

// New returns a node of the broker's cluster, or a single node if broker is nil. Larger bodies than maxBody are not
// accepted from other nodes.
func New(broker Broker, maxBody int) *Node {
	n := &Node{id: newID(), broker: broker, maxBody: maxBody}
	n.topics.living, n.leave = context.WithCancel(context.Background())
	n.topics.subscribe = n.subscribe
	return n
}

// newID returns a unique id that starts with the host name, for diagnosis.
func newID() string {
	host, _ := os.Hostname()
	host = strings.Map(func(r rune) rune {
		if r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '-'
	}, host)
	return fmt.Sprintf("%.40s-%s", host, rand.Text())
}

// ID returns the node's unique id. It is a valid topic token.
func (n *Node) ID() string { return n.id }

// Publish sends a message to the other nodes that are subscribed to the topic. write appends the body.
func (n *Node) Publish(topic string, kind Kind, write func([]byte) []byte) error {
	if n.broker == nil {
		return nil
	}
	s := &n.shards[maphash.String(seed, topic)%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	message := write(header(s.scratch[:0], kind, n.id, s.seq))
	if cap(message) <= maxScratch {
		s.scratch = message
	}
	err := n.broker.Publish(topic, message) // Publish does not keep message
	if err == nil && n.loop.mute.Load() {
		err = errMute // it may arrive nevertheless
	}
	if err != nil {
		s.failed++
	}
	return err
}

// Acquire calls receive with what other nodes publish to the topic, until Release. Calls do not overlap, and receive
// must not block. Acquire returns when the message broker has confirmed the subscription. If a topic is acquired more
// than once, only the first receive is called.
func (n *Node) Acquire(ctx context.Context, topic string, receive func(Message)) error {
	if n.broker == nil {
		return nil
	}
	return n.topics.acquire(ctx, topic, receive)
}

// Release undoes an Acquire. It may call the broker, so the caller must not hold a lock.
func (n *Node) Release(topic string) { n.topics.release(topic) }

// subscribe subscribes to the topic and passes on messages that are valid and in order.
func (n *Node) subscribe(ctx context.Context, topic string, receive func(Message)) (unsubscribe func(), err error) {
	heard := sequences{} // calls for one topic do not overlap
	arrived := &n.arrived[maphash.String(seed, topic)%shardCount].messages
	return n.broker.Subscribe(ctx, topic, func(text []byte) {
		kind, node, seq, body, err := parse(text)
		if err == nil && string(node) == n.id {
			if topic == nodesTopic {
				n.loop.echoed.Store(true)
			}
			return
		}
		arrived.Add(1)
		if err != nil {
			n.Drop(Garbage)
			return
		}
		if len(body) > n.maxBody {
			n.Drop(TooLarge)
			return
		}
		from := heard.of(node, n.peers.lives)
		if !from.follows(seq) {
			n.Drop(Late)
			return
		}
		receive(Message{kind, from.node, body})
	})
}
