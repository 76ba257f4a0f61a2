package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	natsgo "github.com/nats-io/nats.go"
)

// subscription is a subscription of the App.
type subscription struct {
	topic   string
	receive func(message []byte)

	// The NATS subscription and its connection. Used by the writing goroutine only.
	on *natsgo.Subscription
	nc *natsgo.Conn

	waiting bool  // Subscribe has not returned; guarded by Broker.mu
	refusal error // of NATS, while it waits; guarded by Broker.mu
}

// confirmation calls then when NATS has processed what was written before.
type confirmation struct {
	nc   *natsgo.Conn
	then func()
}

// Subscribe implements [wsgate.Broker].
func (b *Broker) Subscribe(ctx context.Context, topic string, receive func(message []byte)) (unsubscribe func(), err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	sub := &subscription{topic: topic, receive: receive}
	confirmed := make(chan struct{})
	s, err := b.enter(sub, func() { close(confirmed) })
	if err != nil {
		return nil, err
	}
	if s != nil {
		select {
		case <-confirmed:
		case <-s.ctx.Done():
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		if refusal := b.settle(sub); refusal != nil {
			err = refusal
		}
	}
	if err != nil {
		b.unsubscribe(sub)
		return nil, err
	}
	return func() { b.unsubscribe(sub) }, nil
}

// enter requests the subscription. If there is a connection, confirmed is called when NATS has confirmed or refused it.
func (b *Broker) enter(sub *subscription, confirmed func()) (*session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, errClosed
	}
	if b.topics[sub.topic] != nil {
		return nil, fmt.Errorf("wsgate/nats: have a subscription to %q, want one at a time: unsubscribe first", sub.topic)
	}
	b.topics[sub.topic] = sub
	sub.waiting = b.session != nil
	b.jobs.add(func(nc *natsgo.Conn) {
		b.subscribe(nc, sub)
		b.asked.add(confirmation{nc, confirmed})
	})
	return b.session, nil
}

// settle ends the wait for a subscription, and returns NATS's refusal if there was one.
func (b *Broker) settle(sub *subscription) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	sub.waiting = false
	return sub.refusal
}

func (b *Broker) unsubscribe(sub *subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.topics[sub.topic] != sub {
		return // already called
	}
	delete(b.topics, sub.topic)
	b.forget(sub.topic)
	b.jobs.add(func(*natsgo.Conn) {
		if sub.on != nil {
			b.losses.retire(sub.on)
			_ = sub.on.Unsubscribe() // fails only if the connection, and so the subscription, has ended
		}
	})
}

// subscribe makes a subscription on the connection, unless it has ended or resubscribe has already made it.
func (b *Broker) subscribe(nc *natsgo.Conn, sub *subscription) {
	b.mu.RLock()
	ended := b.topics[sub.topic] != sub
	b.mu.RUnlock()
	if ended || sub.nc == nc {
		return
	}
	on, err := nc.ChanSubscribe(b.prefix+sub.topic, b.inbox.arriving)
	switch {
	case err == nil:
		sub.on, sub.nc = on, nc
	case !errors.Is(err, natsgo.ErrConnectionClosed): // otherwise the next connection makes it
		b.refuse(sub.topic, err)
	}
}

// resubscribe makes all subscriptions on a new connection.
func (b *Broker) resubscribe(nc *natsgo.Conn) {
	b.mu.RLock()
	all := make([]*subscription, 0, len(b.topics))
	for _, sub := range b.topics {
		all = append(all, sub)
	}
	b.mu.RUnlock()
	for _, sub := range all {
		b.subscribe(nc, sub)
	}
}

// confirm waits for NATS to process what was written. Requests that come in during a round trip share the next one: a
// thousand concurrent subscriptions take a few pings.
func (b *Broker) confirm() {
	for {
		select {
		case <-b.asked.wake:
		case <-b.quit:
			return
		}
		group := b.asked.take()
		if len(group) == 0 || !b.roundTrip(group[len(group)-1].nc) {
			continue // the session has ended or is about to, which ends the waits
		}
		for _, c := range group {
			c.then()
		}
	}
}

// roundTrip waits until NATS has processed what was written and its refusals were handled. It reports false if the
// connection broke.
func (b *Broker) roundTrip(nc *natsgo.Conn) bool {
	err := natsgo.ErrTimeout
	for errors.Is(err, natsgo.ErrTimeout) { // a dead connection ends the loop
		err = nc.FlushTimeout(10 * time.Second)
	}
	if err != nil {
		return false
	}
	// NATS sends refusals before the answer, but nats.go may report them after it.
	for {
		b.mu.RLock()
		heard, more := b.heard, b.hears
		b.mu.RUnlock()
		last := nc.LastError()
		if !errors.Is(last, natsgo.ErrPermissionViolation) || last == heard {
			return true
		}
		select {
		case <-more:
		case <-b.quit:
			return false
		}
	}
}
