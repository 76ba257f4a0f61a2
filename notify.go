package wsgate

import (
	"context"
	"sync"
)

// notifier calls functions that may be the user's, one after another and not on the goroutine of who has the news. What
// waits for one that blocks is bounded.
type notifier struct {
	mu      sync.Mutex // guards following
	calls   []func()   // at most maxCalls; more are dropped
	state   func()     // the last of tellState's for which there was no room; called after the others
	ending  bool
	running sync.WaitGroup // of one goroutine, while there are calls
	active  bool
}

const maxCalls = 100

// tell has a function called, which only logs, unless too many wait. After stop it is not.
func (n *notifier) tell(call func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ending || len(n.calls) == maxCalls {
		return
	}
	n.calls = append(n.calls, call)
	n.start()
}

// tellState has a function called that tells of a state. Of those for which too many wait only the last is. After stop it
// is not.
func (n *notifier) tellState(call func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.ending:
	case n.state != nil || len(n.calls) == maxCalls:
		n.state = call
	default:
		n.calls = append(n.calls, call)
		n.start()
	}
}

// start needs the lock.
func (n *notifier) start() {
	if !n.active {
		n.active = true
		n.running.Go(n.run)
	}
}

func (n *notifier) run() {
	for call := n.next(); call != nil; call = n.next() {
		var ended sync.WaitGroup
		ended.Go(func() { _ = guard(func() error { call(); return nil }) }) // it may end its goroutine
		ended.Wait()
	}
}

// next returns nil when there is nothing to call any more.
func (n *notifier) next() func() {
	n.mu.Lock()
	defer n.mu.Unlock()
	call := n.state
	switch {
	case len(n.calls) > 0:
		call, n.calls = n.calls[0], n.calls[1:]
	case call != nil:
		n.state = nil
	default:
		n.active = false
	}
	return call
}

// stop returns when everything that was told was called. When ctx is done what was not yet is dropped.
func (n *notifier) stop(ctx context.Context) error {
	n.mu.Lock()
	n.ending = true
	n.mu.Unlock()
	defer context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.calls, n.state = nil, nil
	})()
	n.running.Wait()
	return nil
}
