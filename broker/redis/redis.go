// Package redis connects the Apps of a cluster over Redis: its Broker is a [wsgate.Broker] and a
// [wsgate.PresenceStore].
//
//	broker, err := redis.New("redis://localhost:6379", nil)
//	if err != nil {
//		return err
//	}
//	defer broker.Close()
//	app, err := wsgate.New(root, &wsgate.Options{Broker: broker})
//
// # Servers
//
// One server: Redis 6.0 or newer, or a server that speaks its protocol. Messages use Pub/Sub; tables are hashes. A URL
// with several hosts names a primary and its replicas: the Broker uses the current primary, and looks for another when
// that is no longer the primary.
//
// A Redis Cluster: version 7.0 or newer, and [Options].Cluster. Messages use sharded Pub/Sub, so a topic costs only
// the shard that has its slot. The Broker asks the hosts of the URL for the others.
//
// # What it promises
//
// Delivery is at most once. A message is lost when a connection breaks while it is on its way, when Redis ends the
// connection of a subscriber that is too slow (client-output-buffer-limit), and when its slot moves to another shard.
// Messages are also lost when they arrive faster than the App takes them, or are published faster than the server
// takes them. Up to 16 MiB wait to be sent to each server, and 128 MiB to be received. The topics take turns there,
// and those with the most waiting lose their newest messages: what is sent to rooms other than the flooded ones
// arrives, and soon. [Broker.Dropped] counts the losses that the Broker itself knows of.
//
// Each server has two connections, one for commands and one for subscriptions. If either breaks, or does not answer
// within 10 s, both are replaced. The Broker tries this forever, with growing pauses. What was waiting to be sent is
// discarded, and all subscriptions are made again, up to 500 at a time.
//
// # Permissions
//
// Whoever can publish on the server can send to every client of the App. On a server that others use as well, the
// Broker should have its own user, and only that user should have the channels &wsgate:* and the keys ~wsgate:*, if
// [Options].Prefix is wsgate. The commands are HELLO, CLIENT, PING and SELECT, SUBSCRIBE, UNSUBSCRIBE and PUBLISH,
// HSET, HDEL, HGET, HGETALL, PEXPIRE and EVAL, and in a cluster SSUBSCRIBE, SUNSUBSCRIBE and SPUBLISH in place of
// those without the S, and CLUSTER SLOTS.
//
// # The client
//
// The connections use github.com/redis/rueidis. It pipelines commands. For every subscription in a pipeline, it says
// whether the server has confirmed it. It provides a connection for subscriptions, pings it, and reports its end. The
// PubSub of github.com/redis/go-redis has three faults here. It makes its subscriptions again without reading whether
// they were refused, as a Redis Cluster does when a slot has moved. It is bound to the node of its first sharded
// channel. And it drops messages without counting them.
package redis

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/fair"
)

var (
	_ wsgate.Broker        = (*Broker)(nil)
	_ wsgate.PresenceStore = (*Broker)(nil)
)

// Broker is a [wsgate.Broker] and a [wsgate.PresenceStore] over Redis.
type Broker struct {
	*config
	ctx     context.Context // done when the Broker closes
	cancel  context.CancelFunc
	tasks   sync.WaitGroup // all its goroutines
	closing sync.Once
	survey  *survey // nil without a cluster
	inboxes []*inbox
	herald  herald

	mu      sync.RWMutex // guards following, and fields of nodes and subscriptions that say so
	nodes   []*node
	slots   []*node // by slot, nil if unassigned; a single server has one slot
	unknown error   // why a cluster's layout is not yet known
	topics  map[string]*subscription
	missing int   // number of subscriptions that no server has
	refusal error // why a server refused one of them
	closed  bool
}

var (
	errClosed     = errors.New("wsgate/redis: the Broker is closed")
	errConnecting = errors.New("wsgate/redis: connecting")
)

// New makes a Broker for the URL of a server,
//
//	redis://user:password@host:6379/0
//
// or of several hosts, separated by commas. Use rediss in place of redis for TLS. User, password, port and the number
// of the database may be left out. New does not wait for the server, see [Broker.Watch].
func New(url string, opts *Options) (*Broker, error) {
	return newBroker(url, opts, defaults)
}

func newBroker(url string, opts *Options, t tuning) (*Broker, error) {
	c, err := configure(url, opts)
	if err != nil {
		return nil, err
	}
	c.tuning = t
	b := &Broker{config: c, topics: map[string]*subscription{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.herald.wake, b.herald.watchers = make(chan struct{}, 1), map[*watcher]struct{}{}
	b.tasks.Go(b.tell)
	for range inboxCount {
		q := fair.New[delivery](t.waiting)
		b.inboxes = append(b.inboxes, q)
		b.tasks.Go(func() { deliver(q) })
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.cluster {
		b.survey, b.unknown, b.slots = newSurvey(b), errConnecting, make([]*node, slotCount)
		b.tasks.Go(b.survey.run)
	} else {
		n := b.startNode(c.hosts)
		b.nodes, b.slots = []*node{n}, []*node{n}
	}
	return b, nil
}

// Close sends what is waiting to be sent, for at most a second. It returns when everything that the Broker has started
// has ended, including receive functions. Only a goroutine of rueidis that cannot be waited for may end a moment
// later. After that nothing can be published or subscribed.
func (b *Broker) Close() error {
	b.closing.Do(func() {
		late := time.NewTimer(time.Second)
		defer late.Stop()
		for _, l := range b.shut() {
			l.out.End()
			select {
			case <-l.published:
			case <-late.C:
				late.Reset(0) // give the others no more time either
			}
		}
		b.cancel()
		for _, q := range b.inboxes {
			q.Drop()
		}
		b.tasks.Wait()
	})
	return nil
}

// shut ends all subscriptions, refuses further use, and returns the links.
func (b *Broker) shut() []*link {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, s := range b.topics {
		s.ended.Store(true)
		if s.state == asked {
			s.state = made
			s.answer <- errClosed
		}
	}
	return b.links()
}

// links returns the current links. The caller holds the lock.
func (b *Broker) links() []*link {
	var links []*link
	for _, n := range b.nodes {
		if n.link != nil {
			links = append(links, n.link)
		}
	}
	return links
}

// away returns why the message broker is not available or lacks subscriptions, nil if all is well.
func (b *Broker) away() error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	switch {
	case b.closed:
		return errClosed
	case b.unknown != nil:
		return b.unknown
	}
	for _, n := range b.nodes {
		if n.link == nil {
			return n.why
		}
	}
	for _, n := range b.slots {
		if n == nil {
			return errUnserved
		}
	}
	switch {
	case b.missing == 0:
		return nil
	case b.refusal != nil:
		return b.refusal
	default:
		return errSubscribing
	}
}

// linkFor returns the link to the server that has a channel or key, or why there is none.
func (b *Broker) linkFor(name string) (*link, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return nil, errClosed
	}
	return b.linkOf(b.slotOf(name))
}

// linkOf returns the link for a slot. The caller holds the lock.
func (b *Broker) linkOf(slot int) (*link, error) {
	n := b.slots[slot]
	switch {
	case n == nil && b.unknown != nil:
		return nil, b.unknown
	case n == nil:
		return nil, errUnserved
	case n.link == nil:
		return nil, n.why
	}
	return n.link, nil
}
