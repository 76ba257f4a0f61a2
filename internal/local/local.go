// Package local implements an in-memory Broker and PresenceStore for the Apps of one process. An App without a Broker
// uses one as its PresenceStore.
package local

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Broker delivers messages on the publisher's goroutine. The zero value is ready to use.
type Broker struct {
	mu       sync.RWMutex // guards following
	topics   map[string][]*subscription
	tables   map[string]map[string][]byte
	watchers map[*watcher]struct{}
	away     error

	setting sync.Mutex // held by SetAway, to keep changes in order
}

// subscription is one receiver of a topic.
type subscription struct {
	mu      sync.Mutex // held while receive runs: calls do not overlap
	receive func([]byte)
	ended   atomic.Bool
}

// Publish implements wsgate.Broker.
func (b *Broker) Publish(topic string, message []byte) error {
	b.mu.RLock()
	subscriptions, away := b.topics[topic], b.away // the slice is replaced, never changed
	b.mu.RUnlock()
	if away != nil {
		return away
	}
	for _, s := range subscriptions {
		s.deliver(message)
	}
	return nil
}

func (s *subscription) deliver(message []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended.Load() {
		s.receive(message)
	}
}

// Subscribe implements wsgate.Broker.
func (b *Broker) Subscribe(ctx context.Context, topic string, receive func([]byte)) (unsubscribe func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &subscription{receive: receive}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.topics == nil {
		b.topics = map[string][]*subscription{}
	}
	b.topics[topic] = append(slices.Clip(b.topics[topic]), s)
	return func() { b.unsubscribe(topic, s) }, nil
}

func (b *Broker) unsubscribe(topic string, s *subscription) {
	s.ended.Store(true)
	b.mu.Lock()
	defer b.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(b.topics[topic]), func(other *subscription) bool { return other == s })
	b.topics[topic] = left
	if len(left) == 0 {
		delete(b.topics, topic)
	}
}

// watcher is a call of Watch.
type watcher struct {
	mu      sync.Mutex // held while changed runs: calls do not overlap
	changed func(error)
}

// Watch implements wsgate.Broker.
func (b *Broker) Watch(changed func(error)) (stop func()) {
	w := &watcher{changed: changed}
	w.mu.Lock() // the initial call comes before any change
	defer w.mu.Unlock()
	b.mu.Lock()
	if b.watchers == nil {
		b.watchers = map[*watcher]struct{}{}
	}
	b.watchers[w] = struct{}{}
	away := b.away
	b.mu.Unlock()
	changed(away)
	return func() {
		b.mu.Lock()
		delete(b.watchers, w)
		b.mu.Unlock()
	}
}

// SetAway makes the broker behave as if its message broker were away, until it is called with nil. It is for tests.
func (b *Broker) SetAway(err error) {
	b.setting.Lock()
	defer b.setting.Unlock()
	b.mu.Lock()
	b.away = err
	watchers := slices.Collect(maps.Keys(b.watchers))
	b.mu.Unlock()
	for _, w := range watchers {
		w.mu.Lock()
		w.changed(err)
		w.mu.Unlock()
	}
}

// Update implements wsgate.PresenceStore.
func (b *Broker) Update(ctx context.Context, table string, rows map[string][]byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.refuses(ctx); err != nil {
		return err
	}
	if b.tables == nil {
		b.tables = map[string]map[string][]byte{}
	}
	t := b.tables[table]
	if t == nil {
		t = map[string][]byte{}
		b.tables[table] = t
	}
	for row, value := range rows {
		if value == nil {
			delete(t, row)
		} else {
			t[row] = bytes.Clone(value)
		}
	}
	if len(t) == 0 {
		delete(b.tables, table)
	}
	return nil
}

// Rows implements wsgate.PresenceStore.
func (b *Broker) Rows(ctx context.Context, table string) (map[string][]byte, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if err := b.refuses(ctx); err != nil {
		return nil, err
	}
	rows := make(map[string][]byte, len(b.tables[table]))
	for row, value := range b.tables[table] {
		rows[row] = bytes.Clone(value)
	}
	return rows, nil
}

// refuses returns an error if the broker is away. The caller holds the lock.
func (b *Broker) refuses(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return b.away
}
