package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
)

// subscription is a subscription of the App.
type subscription struct {
	topic   string
	slot    int
	receive func([]byte)
	inbox   *inbox
	ended   atomic.Bool
	answer  chan error // receives the result of Subscribe, once
	state   state      // guarded by Broker.mu
}

var errSubscribing = errors.New("wsgate/redis: subscribing again to what was subscribed before")

type state int

const (
	asked   state = iota // Subscribe waits for the server
	made                 // the server has it
	missing              // the server will have it later
)

// Subscribe implements [wsgate.Broker].
func (b *Broker) Subscribe(ctx context.Context, topic string, receive func(message []byte)) (unsubscribe func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &subscription{
		topic: topic, receive: receive, slot: b.slotOf(b.prefix + topic), inbox: b.inboxOf(topic), answer: make(chan error, 1),
	}
	if err := b.want(s); err != nil {
		return nil, err
	}
	select {
	case err = <-s.answer:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		b.drop(s)
		return nil, err
	}
	return func() { b.drop(s) }, nil
}

// want assigns the subscription to the server that has its slot, now or later.
func (b *Broker) want(s *subscription) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return errClosed
	}
	if b.topics[s.topic] != nil {
		return fmt.Errorf("wsgate/redis: %s is subscribed: want it unsubscribed before it is subscribed again", s.topic)
	}
	b.topics[s.topic] = s
	if l, err := b.linkOf(s.slot); err == nil {
		l.doubt(s.topic)
	} else {
		b.miss(s)
	}
	return nil
}

// drop ends the subscription.
func (b *Broker) drop(s *subscription) {
	s.ended.Store(true)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.topics[s.topic] != s {
		return
	}
	b.arrive(s) // it no longer counts as missing
	delete(b.topics, s.topic)
	if l, err := b.linkOf(s.slot); err == nil {
		l.doubt(s.topic)
	}
}

// miss records that no server has the subscription, and ends the wait of Subscribe. The caller holds the lock.
func (b *Broker) miss(s *subscription) {
	switch s.state {
	case missing:
		return
	case asked:
		s.answer <- nil
	}
	s.state = missing
	b.missing++
	b.herald.alarm(errSubscribing)
}

// arrive records that the server has the subscription. The caller holds the lock.
func (b *Broker) arrive(s *subscription) {
	switch s.state {
	case made:
		return
	case asked:
		s.answer <- nil
	case missing:
		b.missing--
	}
	s.state = made
	if b.missing == 0 {
		b.refusal = nil
		b.herald.call()
	}
}

// wanted returns the subscription that the link's server should have for the topic, or nil. The caller holds the lock.
func (b *Broker) wanted(l *link, topic string) *subscription {
	s := b.topics[topic]
	if s == nil || b.slots[s.slot] != l.node || l.node.link != l {
		return nil
	}
	return s
}

// differences returns topics that the link's server should have but lacks, and topics that it has but should not.
func (b *Broker) differences(l *link) (join, leave []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for topic := range l.doubtful {
		if len(join) == batch || len(leave) == batch {
			l.doubt(topic) // and wakes the link again
			break
		}
		delete(l.doubtful, topic)
		switch s := b.wanted(l, topic); {
		case s != nil && l.have[topic]:
			b.arrive(s)
		case s != nil:
			join = append(join, topic)
		case l.have[topic]:
			leave = append(leave, topic)
		}
	}
	return join, leave
}

func (b *Broker) doubt(l *link, topics []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, topic := range topics {
		l.doubt(topic)
	}
}

// heard records the server's confirmation that it has subscribed or unsubscribed a topic.
func (b *Broker) heard(l *link, topic string, subscribed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if subscribed {
		l.have[topic] = true
	} else {
		delete(l.have, topic)
	}
	s := b.wanted(l, topic)
	switch {
	case s != nil && subscribed:
		b.arrive(s)
	case s != nil && s.state == made: // not requested: the slot has moved, which the server reports next
		b.miss(s)
		l.doubt(topic)
	case s != nil || subscribed: // the App's wish has changed meanwhile
		l.doubt(topic)
	}
}

// refuse records that the server refuses to subscribe a topic. It reports whether to retry: for a permanent error,
// Subscribe returns it.
func (b *Broker) refuse(l *link, topic string, why error) (again bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.wanted(l, topic)
	switch {
	case s == nil:
		return false
	case s.state == asked && !temporary(why):
		delete(b.topics, topic)
		s.answer <- l.server.explain(why)
		return false
	}
	b.refusal = l.server.explain(why)
	b.miss(s)
	b.herald.call()
	b.survey.look()
	return true
}

// temporary reports whether the command may succeed later or on another server.
func temporary(err error) bool {
	for _, word := range []string{"MOVED ", "ASK ", "TRYAGAIN ", "CLUSTERDOWN ", "LOADING ", "MASTERDOWN ", "BUSY "} {
		if strings.HasPrefix(err.Error(), word) {
			return true
		}
	}
	return false
}
