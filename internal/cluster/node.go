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

// Node is this process among its neighbours.
type Node struct {
	id      string
	broker  Broker // nil for a node without neighbours, which subscribes to nothing and publishes nothing
	maxBody int    // bytes of a message's body
	topics  subscriptions
	ignored atomic.Uint64
	leave   context.CancelFunc // ends what waits for the message broker
	shards  [shardCount]shard

	peers    peers
	requests requests
	loop     loop
}

// shard numbers the messages of some of the topics. Publishing under its lock keeps the numbers in order on the way.
type shard struct {
	mu      sync.Mutex // guards following
	seq     uint64
	scratch []byte
}

const (
	shardCount = 64
	maxScratch = 16 << 10 // bytes that a shard keeps for its next message
)

var seed = maphash.MakeSeed()

// New returns a node of the broker's cluster, or one that is alone if broker is nil. Messages from others may have bodies
// of at most that many bytes.
func New(broker Broker, most int) *Node {
	n := &Node{id: newID(), broker: broker, maxBody: most}
	n.topics.living, n.leave = context.WithCancel(context.Background())
	n.topics.subscribe = n.subscribe
	return n
}

// newID returns an id that no other node ever has, with the host's name for people.
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

// ID returns the node's id, which no other node ever has. It is a token of a topic.
func (n *Node) ID() string { return n.id }

// RemoteDropped returns the number of messages that came from the broker and were ignored: garbage, those of other
// versions or too large, and those that came twice or too late.
func (n *Node) RemoteDropped() uint64 { return n.ignored.Load() }

// Drop counts a message whose body its receiver cannot use.
func (n *Node) Drop() { n.ignored.Add(1) }

// Topics returns the number of topics that are subscribed to.
func (n *Node) Topics() int { return n.topics.count() }

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
	err := n.broker.Publish(topic, message) // does not keep it
	if err == nil && n.loop.mute.Load() {
		return errMute // it may arrive all the same
	}
	return err
}

// Acquire has receive called with what other nodes publish to the topic, until Release. Calls do not overlap, and
// receive must not block. It returns when the message broker has confirmed that. While several need a topic, the first
// one's receive is called.
func (n *Node) Acquire(ctx context.Context, topic string, receive func(Message)) error {
	if n.broker == nil {
		return nil
	}
	return n.topics.acquire(ctx, topic, receive)
}

// Release undoes an Acquire. It may call the broker, so it is not for who holds a lock.
func (n *Node) Release(topic string) { n.topics.release(topic) }

// subscribe hands on what is in order.
func (n *Node) subscribe(ctx context.Context, topic string, receive func(Message)) (unsubscribe func(), err error) {
	heard := sequences{} // calls for one topic do not overlap
	return n.broker.Subscribe(ctx, topic, func(text []byte) {
		kind, node, seq, body, err := parse(text)
		if err == nil && string(node) == n.id {
			if topic == nodesTopic {
				n.loop.echoed.Store(true)
			}
			return
		}
		if err != nil || len(body) > n.maxBody {
			n.Drop()
			return
		}
		from := heard.of(node, n.peers.lives)
		if !from.follows(seq) {
			n.Drop()
			return
		}
		receive(Message{kind, from.node, body})
	})
}
