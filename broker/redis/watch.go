package redis

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// herald is what its goroutine tells to others.
type herald struct {
	wake chan struct{} // has an element while there may be something to tell

	mu       sync.Mutex // guards following
	watchers map[*watcher]struct{}
	lost     uint64 // messages
	topic    string // of the last of them, if it is known
	why      error  // it was lost
}

// watcher is one who wants to know the state.
type watcher struct {
	changed func(error)
	told    error // the last state; used by Watch until it is ready, and then by the herald

	ready   bool  // guarded by the lock of the herald
	trouble error // since then, even if it is over; guarded by the lock of the herald
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

// call has the herald look for something to tell.
func (h *herald) call() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// alarm has every watcher hear of the trouble, however soon it is over.
func (h *herald) alarm(trouble error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		w.trouble = trouble
	}
	h.call()
}

// tell tells the watchers of every state, and the log of losses now and then, until the Broker is closed.
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

// heard returns the trouble that the watcher has not been told. It reports false if the watcher is not to be told.
func (h *herald) heard(w *watcher) (trouble error, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.watchers[w]; !ok || !w.ready {
		return nil, false
	}
	trouble, w.trouble = w.trouble, nil
	return trouble, true
}

// tell tells a state that is another one than before.
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

// lose counts lost messages, the last of which was for the topic, if that is known.
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
