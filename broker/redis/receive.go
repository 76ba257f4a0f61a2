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

// inboxCount is the number of inboxes. A topic always uses the same one.
const inboxCount = 8

// few is the number of messages received in a row before the queue is asked again.
const few = 4

var (
	seed           = maphash.MakeSeed()
	errSlowReceive = errors.New("wsgate/redis: messages arrive faster than the App takes them")
)

func (b *Broker) inboxOf(topic string) *inbox {
	return b.inboxes[maphash.String(seed, topic)%inboxCount]
}

// arrived queues a message from a server. It does not block.
func (b *Broker) arrived(topic, message string) {
	b.mu.RLock()
	s := b.topics[topic]
	b.mu.RUnlock()
	if s == nil {
		return // just unsubscribed
	}
	loss, err := s.inbox.Put(topic, delivery{s, message}, len(message))
	if err == fair.ErrFull { // the message itself did not fit
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
