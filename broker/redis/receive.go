package redis

import (
	"errors"
	"hash/maphash"

	"github.com/wsgate/wsgate/internal/fair"
)

// delivery is a message that waits for its receiver.
type delivery struct {
	to      *subscription
	message string
}

// inbox is a queue with a goroutine that calls receive functions.
type inbox = fair.Queue[delivery]

// inboxCount is how many of them there are. A topic always has the same one.
const inboxCount = 8

// few is how many messages are received before another topic has its turn, if they are all of one.
const few = 4

var (
	seed           = maphash.MakeSeed()
	errSlowReceive = errors.New("wsgate/redis: messages arrive faster than the App takes them")
)

func (b *Broker) inboxOf(topic string) *inbox {
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
	loss, err := s.inbox.Put(topic, delivery{s, message}, len(message))
	if err == fair.ErrFull { // it has no room itself
		loss.Items, loss.Topic = loss.Items+1, topic
	}
	if loss.Items > 0 {
		b.lose(loss.Items, loss.Topic, errSlowReceive)
	}
}

// deliver calls the receive functions.
func deliver(q *inbox) {
	batch := make([]delivery, 0, few)
	for open := true; open; {
		<-q.Ready()
		batch, open = q.Take(batch[:0])
		for _, d := range batch {
			if !d.to.ended.Load() {
				d.to.receive([]byte(d.message))
			}
		}
		clear(batch)
	}
}
