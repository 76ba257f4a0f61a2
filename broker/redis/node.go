package redis

import (
	"context"
	"errors"
	"time"
)

// node is a server that the Broker uses, or would use if it could.
type node struct {
	broker *Broker
	addrs  []string // the server has one of them
	stop   context.CancelFunc
	ended  chan struct{}

	link *link // nil while there is none; guarded by the lock of the Broker
	why  error // why there is none; guarded by the lock of the Broker
}

// startNode makes a node that connects, and connects again, until it is stopped.
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
			tries.reset() // it was there, and not only to break again
		}
	}
}

// connect uses the first server that it can use, and returns why it cannot any more.
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

// up has a link used, and all subscriptions made on it.
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

// down has the link of the node, if there is one, not used any more.
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
