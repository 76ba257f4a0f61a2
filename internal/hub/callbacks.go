package hub

import (
	"context"
	"sync"

	"github.com/wsgate/wsgate/internal/guard"
)

// callbacks runs functions that may call user code, one at a time, on its own goroutine. The queue behind a call that
// blocks is bounded.
type callbacks struct {
	mu      sync.Mutex // guards following
	calls   []func()   // at most maxCalls; more are dropped
	state   func()     // the latest function of tellState that did not fit into calls; called after them
	ending  bool
	running sync.WaitGroup // of one goroutine, while there are calls
	active  bool
}

const maxCalls = 100

// tell queues a function that only logs. It drops it if the queue is full or after stop.
func (c *callbacks) tell(call func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || len(c.calls) == maxCalls {
		return
	}
	c.calls = append(c.calls, call)
	c.start()
}

// tellState queues a function that reports a state. If the queue is full, only the latest is kept. After stop it drops
// the function.
func (c *callbacks) tellState(call func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ending:
	case c.state != nil || len(c.calls) == maxCalls:
		c.state = call
	default:
		c.calls = append(c.calls, call)
		c.start()
	}
}

// start starts the goroutine unless it runs. The caller holds the lock.
func (c *callbacks) start() {
	if !c.active {
		c.active = true
		c.running.Go(c.run)
	}
}

func (c *callbacks) run() {
	for call := c.next(); call != nil; call = c.next() {
		var ended sync.WaitGroup
		ended.Go(func() { _ = guard.Call(func() error { call(); return nil }) }) // the call may end its goroutine
		ended.Wait()
	}
}

// next returns the next function, or nil if there is none.
func (c *callbacks) next() func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := c.state
	switch {
	case len(c.calls) > 0:
		call, c.calls = c.calls[0], c.calls[1:]
	case call != nil:
		c.state = nil
	default:
		c.active = false
	}
	return call
}

// stop waits until the queued functions have been called. When ctx is done, it drops those that have not.
func (c *callbacks) stop(ctx context.Context) error {
	c.mu.Lock()
	c.ending = true
	c.mu.Unlock()
	defer context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.calls, c.state = nil, nil
	})()
	c.running.Wait()
	return nil
}
