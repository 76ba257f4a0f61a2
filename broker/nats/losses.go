package nats

import (
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"
)

// Dropped returns the number of lost messages that the Broker knows of: those that arrived faster than the App took
// them, and those that Publish accepted and that could not be sent.
func (b *Broker) Dropped() uint64 { return b.losses.total() }

// reportPause is the minimum time between log lines about losses.
const reportPause = 10 * time.Second

// losses counts lost messages.
type losses struct {
	mu       sync.Mutex // guards following
	count    uint64     // without those of the suspects
	suspects map[*natsgo.Subscription]struct{}
	logged   uint64
	next     time.Time // earliest time of the next log line
}

// suspect starts counting the losses of a subscription for which nats.go has dropped messages.
func (l *losses) suspect(sub *natsgo.Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.suspects == nil {
		l.suspects = map[*natsgo.Subscription]struct{}{}
	}
	l.suspects[sub] = struct{}{}
}

// retire counts the losses of a subscription that is about to end, because nats.go does not report them afterwards.
func (l *losses) retire(sub *natsgo.Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.suspects, sub)
	if n, err := sub.Dropped(); err == nil {
		l.count += uint64(n)
	}
}

func (l *losses) total() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sum()
}

// sum returns all losses. The caller holds the lock.
func (l *losses) sum() uint64 {
	total := l.count
	for sub := range l.suspects {
		n, err := sub.Dropped()
		if err != nil {
			delete(l.suspects, sub) // it has ended, and was retired
			continue
		}
		total += uint64(n)
	}
	return total
}

// add counts lost messages. If a log line is due, it returns the number of losses not yet logged.
func (l *losses) add(messages int, now time.Time) (untold, total uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count += uint64(messages)
	if now.Before(l.next) {
		return 0, 0
	}
	total = l.sum()
	untold = total - l.logged
	l.logged, l.next = total, now.Add(reportPause)
	return untold, total
}

// lose counts lost messages, and logs them at intervals, with an affected topic if known.
func (b *Broker) lose(messages int, topic string, why error) {
	if untold, total := b.losses.add(messages, time.Now()); untold > 0 {
		b.log.Warn("wsgate/nats: messages are lost", "count", untold, "total", total, "topic", topic, "err", why)
	}
}
