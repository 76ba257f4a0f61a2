package nats

import (
	"errors"
	"hash/maphash"
	"runtime"

	natsgo "github.com/nats-io/nats.go"
)

// inbox has what has arrived.
type inbox struct {
	arriving chan *natsgo.Msg // nats.go drops what does not fit, so it is taken out at once
	lanes    []*lane
	seed     maphash.Seed
	most     int // bytes in each lane
}

// lane is a queue with a goroutine that calls receive. A topic always has the same one.
type lane = queue[*natsgo.Msg]

func newInbox(t tuning) *inbox {
	in := &inbox{arriving: make(chan *natsgo.Msg, t.arriving), seed: maphash.MakeSeed(), most: t.laneBytes}
	for range min(runtime.GOMAXPROCS(0), 8) {
		in.lanes = append(in.lanes, newQueue[*natsgo.Msg]())
	}
	return in
}

var errOverflow = errors.New("messages arrive faster than the App takes them")

// sort moves what arrives to the lanes.
func (b *Broker) sort() {
	in := b.inbox
	for {
		select {
		case m := <-in.arriving:
			l := in.lanes[maphash.String(in.seed, m.Subject)%uint64(len(in.lanes))]
			if !l.offer(m, weight(m), in.most) {
				b.lose(1, errOverflow)
			}
		case <-b.quit:
			return
		}
	}
}

func weight(m *natsgo.Msg) int { return len(m.Data) + len(m.Subject) + overhead }

// deliver calls receive for what is in the lane.
func (b *Broker) deliver(l *lane) {
	for {
		select {
		case <-l.wake:
		case <-b.quit:
			return
		}
		for _, m := range l.take() {
			if receive := b.receiver(m.Subject); receive != nil {
				receive(m.Data)
			}
			l.done(weight(m))
		}
	}
}

// receiver returns who receives a subject's messages, nil if nobody does any more.
func (b *Broker) receiver(subject string) func(message []byte) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	sub := b.topics[subject[len(b.prefix):]]
	if sub == nil || b.closed {
		return nil
	}
	return sub.receive
}
