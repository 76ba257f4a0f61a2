package nats

import (
	"errors"
	"hash/maphash"
	"runtime"

	natsgo "github.com/nats-io/nats.go"

	"github.com/wsgate/wsgate/internal/fair"
)

// inbox holds received messages.
type inbox struct {
	arriving chan *natsgo.Msg // drained at once, since nats.go drops what does not fit
	lanes    []*lane
	seed     maphash.Seed
}

// lane is a queue with a goroutine that calls receive. A topic always uses the same one.
type lane = fair.Queue[*natsgo.Msg]

func newInbox(t tuning) *inbox {
	in := &inbox{arriving: make(chan *natsgo.Msg, t.arriving), seed: maphash.MakeSeed()}
	for range min(runtime.GOMAXPROCS(0), 8) {
		in.lanes = append(in.lanes, fair.New[*natsgo.Msg](t.laneBytes))
	}
	return in
}

// few is the number of messages received in a row before the queue is asked again.
const few = 4

var errOverflow = errors.New("messages arrive faster than the App takes them")

// sort distributes received messages to the lanes.
func (b *Broker) sort() {
	in := b.inbox
	for {
		select {
		case m := <-in.arriving:
			topic := b.topicOf(m)
			l := in.lanes[maphash.String(in.seed, topic)%uint64(len(in.lanes))]
			loss, err := l.Put(topic, m, len(m.Data))
			if err != nil { // the message itself did not fit
				loss.Items, loss.Topic = loss.Items+1, topic
			}
			if loss.Items > 0 {
				b.lose(loss.Items, loss.Topic, errOverflow)
			}
		case <-b.quit:
			return
		}
	}
}

func (b *Broker) topicOf(m *natsgo.Msg) string { return m.Subject[len(b.prefix):] }

// deliver calls receive for the messages in the lane.
func (b *Broker) deliver(l *lane) {
	batch := make([]*natsgo.Msg, 0, few)
	for {
		select {
		case <-l.Ready():
		case <-b.quit:
			return
		}
		batch, _ = l.Take(batch[:0])
		for _, m := range batch {
			if receive := b.receiver(b.topicOf(m)); receive != nil {
				receive(m.Data)
			}
		}
		clear(batch)
	}
}

// receiver returns the receive function of a topic, nil if there is none any more.
func (b *Broker) receiver(topic string) func(message []byte) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	sub := b.topics[topic]
	if sub == nil || b.closed {
		return nil
	}
	return sub.receive
}
