package nats

import (
	"errors"
	"fmt"
	"regexp"

	natsgo "github.com/nats-io/nats.go"
)

// reported is called with asynchronous errors of nats.go.
func (b *Broker) reported(sub *natsgo.Subscription, err error) {
	switch {
	case errors.Is(err, natsgo.ErrSlowConsumer) && sub != nil:
		b.losses.suspect(sub)
		b.lose(0, sub.Subject[len(b.prefix):], errOverflow)
	case errors.Is(err, natsgo.ErrPermissionViolation):
		b.violated(err)
	case errors.Is(err, natsgo.ErrMaxSubscriptionsExceeded):
		b.overfull(err)
	default:
		b.log.Warn("wsgate/nats: an error of the connection", "err", err)
	}
}

// The text of NATS's error for a subject that is not permitted.
var (
	noSubscription = regexp.MustCompile(`Subscription to "([^"]+)"`)
	noPublication  = regexp.MustCompile(`Publish to "`)
)

func (b *Broker) violated(err error) {
	switch m := noSubscription.FindStringSubmatch(err.Error()); {
	case m != nil && len(m[1]) > len(b.prefix):
		b.refuse(m[1][len(b.prefix):], err)
	case noPublication.MatchString(err.Error()):
		b.lose(1, "", err)
	default:
		b.log.Error("wsgate/nats: the server refuses", "err", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = err
	close(b.hears)
	b.hears = make(chan struct{})
}

// refuse records NATS's refusal of a topic, for Subscribe if it waits, otherwise for the watchers.
func (b *Broker) refuse(topic string, err error) {
	err = fmt.Errorf("wsgate/nats: the server refuses the subscription to %q: %w", topic, err)
	first := false
	b.mu.Lock()
	switch sub := b.topics[topic]; {
	case sub == nil:
	case sub.waiting:
		sub.refusal = err
	default:
		b.refused[topic] = err
		if first = b.refusal == nil; first {
			b.refusal = err
			b.tell()
		}
	}
	b.mu.Unlock()
	if first {
		b.log.Error("wsgate/nats: a subscription is gone", "err", err)
	}
}

// forget removes a topic. The caller holds the lock.
func (b *Broker) forget(topic string) {
	gone := b.refused[topic]
	delete(b.refused, topic)
	if gone == nil || gone != b.refusal {
		return
	}
	b.refusal = nil
	for _, other := range b.refused {
		b.refusal = other
		break
	}
	b.tell()
}

// overfull records a refusal in which NATS does not name the topic.
func (b *Broker) overfull(err error) {
	err = fmt.Errorf("wsgate/nats: the server refuses subscriptions: %w", err)
	b.mu.Lock()
	first := b.full == nil
	b.full = err
	b.tell()
	b.mu.Unlock()
	if first {
		b.log.Error("wsgate/nats: a subscription is gone", "err", err)
	}
}
