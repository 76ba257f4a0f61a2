package redis

import (
	"errors"
	"hash/maphash"
)

// delivery is a message that waits for its receiver.
type delivery struct {
	to      *subscription
	message string
}

// inboxCount is how many goroutines call receive functions. Those for one topic are always called by the same.
const inboxCount = 8

var (
	seed           = maphash.MakeSeed()
	errSlowReceive = errors.New("wsgate/redis: messages arrive faster than the App takes them")
)

func (b *Broker) inboxOf(topic string) *queue[delivery] {
	return b.inboxes[maphash.String(seed, topic)%inboxCount]
}

// arrived takes a message from a server. It does not block.
func (b *Broker) arrived(topic, message string) {
	b.mu.RLock()
	s := b.topics[topic]
	b.mu.RUnlock()
	if s == nil {
		return // unsubscribed right now
	}
	if s.inbox.put(delivery{s, message}, len(message)) == errFull {
		b.lose(1, errSlowReceive)
	}
}

// deliver calls the receive functions.
func deliver(inbox *queue[delivery]) {
	for batch := inbox.take(nil); len(batch) > 0; batch = inbox.take(batch) {
		for _, d := range batch {
			if !d.to.ended.Load() {
				d.to.receive([]byte(d.message))
			}
		}
	}
}
