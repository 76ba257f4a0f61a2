package nats

import "sync"

// watcher is a call of Watch.
type watcher struct {
	states *queue[error]
	end    chan struct{} // closed by stop
	ending sync.Once
}

// Watch implements [wsgate.Broker].
func (b *Broker) Watch(changed func(err error)) (stop func()) {
	w := &watcher{states: newQueue[error](), end: make(chan struct{})}
	b.mu.Lock()
	now := b.state()
	b.watchers[w] = struct{}{}
	b.mu.Unlock()
	changed(now)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.tasks.Go(func() { b.tellOne(w, changed) })
	}
	return func() {
		w.ending.Do(func() { close(w.end) })
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, w)
	}
}

// tellOne reports the states after the first to a watcher.
func (b *Broker) tellOne(w *watcher, changed func(error)) {
	for {
		select {
		case <-w.states.wake:
		case <-w.end:
			return
		case <-b.quit:
			return
		}
		for _, state := range w.states.take() {
			select {
			case <-w.end:
				return
			default:
				changed(state)
			}
		}
	}
}

// state returns nil if the message broker is available and has all subscriptions, otherwise why not. The caller holds
// the lock.
func (b *Broker) state() error {
	switch {
	case b.closed:
		return errClosed
	case b.session == nil, !b.session.ready:
		return b.away
	case b.full != nil:
		return b.full
	}
	return b.refusal
}

// tell reports the state to the watchers if it has changed. The caller holds the lock.
func (b *Broker) tell() {
	state := b.state()
	if same := state == b.told || state != nil && b.told != nil && state.Error() == b.told.Error(); same {
		return
	}
	b.told = state
	for w := range b.watchers {
		w.states.add(state)
	}
}
