package redis

import (
	"context"
	"errors"
	"time"
)

// node is a server that the Broker uses or tries to use.
type node struct {
	broker *Broker
	addrs  []string // candidate addresses of the server
	stop   context.CancelFunc
	ended  chan struct{}

	link *link // nil while not connected; guarded by Broker.mu
	why  error // why link is nil; guarded by Broker.mu
}

// startNode makes a node that connects and reconnects until it is stopped.
func (b *Broker) startNode(addrs []string) *node {
	ctx, stop := context.WithCancel(b.ctx)
	n := &node{broker: b, addrs: addrs, stop: stop, ended: make(chan struct{}), why: errConnecting}
	b.tasks.Go(func() {
		defer close(n.ended)
		n.run(ctx)
	})
	return n
}

func (n *node) run(ctx context.Context) {
	b := n.broker
	tries := backoff{min: b.pauseMin, max: b.pauseMax}
	for ok := true; ok; ok = pause(ctx, tries.next()) {
		began := time.Now()
		b.down(n, n.connect(ctx))
		if time.Since(began) > b.pauseMax {
			tries.reset() // the server was usable for a while
		}
	}
}

// connect uses the first usable server until that breaks, and returns why.
func (n *node) connect(ctx context.Context) error {
	var errs []error
	for _, addr := range n.addrs {
		s, err := n.broker.dial(ctx, addr)
		if err == nil {
			return n.use(ctx, s)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// use uses a server until it breaks.
func (n *node) use(ctx context.Context, s *server) error {
	b := n.broker
	l := newLink(n, s)
	defer l.close()
	if err := s.hear(ctx, l.hooks()); err != nil {
		return err
	}
	b.up(l)
	l.tasks.Go(l.publish)
	l.tasks.Go(l.reconcile)
	err := s.watch(ctx, b.config)
	b.down(n, err)
	return err
}

// up starts using a link, and makes all subscriptions on it.
func (b *Broker) up(l *link) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l.node.link, l.node.why = l, nil
	for topic, s := range b.topics {
		if b.slots[s.slot] == l.node {
			l.doubt(topic)
		}
	}
	b.herald.call()
}

// down stops using the link of the node, if there is one.
func (b *Broker) down(n *node, why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n.link, n.why = nil, why
	for _, s := range b.topics {
		if b.slots[s.slot] == n {
			b.miss(s)
		}
	}
	b.survey.look()
	b.herald.alarm(why)
}
