package redis

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// herald notifies watchers and the log, on its own goroutine.
type herald struct {
	wake chan struct{} // capacity 1: there may be something to report

	mu       sync.Mutex // guards following
	watchers map[*watcher]struct{}
	lost     uint64 // messages
	topic    string // of the last lost message, if known
	why      error  // reason of that loss
}

// watcher is a call of Watch.
type watcher struct {
	changed func(error)
	told    error // the last state reported; used by Watch until ready, then by the herald

	ready   bool  // guarded by herald.mu
	trouble error // trouble since then, even if it is over; guarded by herald.mu
}

// Watch implements [wsgate.Broker].
func (b *Broker) Watch(changed func(err error)) (stop func()) {
	w := &watcher{changed: changed}
	h := &b.herald
	h.mu.Lock()
	h.watchers[w] = struct{}{}
	h.mu.Unlock()
	w.told = b.away()
	changed(w.told)
	h.mu.Lock()
	defer h.mu.Unlock()
	w.ready = true
	h.call()
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, w)
	}
}

// call wakes the herald.
func (h *herald) call() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// alarm makes the herald report the trouble to every watcher, even if it is soon over.
func (h *herald) alarm(trouble error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		w.trouble = trouble
	}
	h.call()
}

// tell reports every state to the watchers, and losses to the log at intervals, until the Broker is closed.
func (b *Broker) tell() {
	h := &b.herald
	var logged uint64
	rest := time.NewTimer(0) // until the next line may be written
	defer rest.Stop()
	rested := false
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-rest.C:
			rested = true
		case <-h.wake:
			b.tellWatchers()
		}
		h.mu.Lock()
		lost, topic, why := h.lost, h.topic, h.why
		h.mu.Unlock()
		if rested && lost != logged {
			b.log.Warn("wsgate/redis: messages are lost", "count", lost-logged, "total", lost, "topic", topic, "err", why)
			logged, rested = lost, false
			rest.Reset(b.report)
		}
	}
}

func (b *Broker) tellWatchers() {
	h := &b.herald
	h.mu.Lock()
	watchers := slices.Collect(maps.Keys(h.watchers))
	h.mu.Unlock()
	for _, w := range watchers {
		trouble, ok := h.heard(w)
		if !ok {
			continue
		}
		if trouble != nil && w.told == nil {
			w.tell(trouble)
		}
		w.tell(b.away())
	}
}

// heard returns the trouble that the watcher has not been told of. It reports false if there is nothing to report to
// the watcher.
func (h *herald) heard(w *watcher) (trouble error, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.watchers[w]; !ok || !w.ready {
		return nil, false
	}
	trouble, w.trouble = w.trouble, nil
	return trouble, true
}

// tell reports a state if it has changed.
func (w *watcher) tell(state error) {
	same := state == w.told || state != nil && w.told != nil && state.Error() == w.told.Error()
	if !same {
		w.told = state
		w.changed(state)
	}
}

// Dropped returns the number of lost messages that the Broker knows of: those that arrived faster than the App took
// them, and those that Publish accepted and that could not be sent, or were on their way when a connection broke.
func (b *Broker) Dropped() uint64 {
	b.herald.mu.Lock()
	defer b.herald.mu.Unlock()
	return b.herald.lost
}

// lose counts lost messages. topic is that of the last one, if known.
func (b *Broker) lose(messages int, topic string, why error) {
	if messages == 0 {
		return
	}
	h := &b.herald
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost += uint64(messages)
	h.topic, h.why = topic, why
	h.call()
}
