package hub

import (
	"context"
	"sync"

	"github.com/wsgate/wsgate/internal/guard"
)

// callbacks calls functions that may be the program's, one after another, on a goroutine of its own. What waits for one
// that blocks is bounded.
type callbacks struct {
	mu      sync.Mutex // guards following
	calls   []func()   // at most maxCalls; more are dropped
	state   func()     // the last of tellState's for which there was no room; called after the others
	ending  bool
	running sync.WaitGroup // of one goroutine, while there are calls
	active  bool
}

const maxCalls = 100

// tell has a function called, which only logs, unless too many wait. After stop it is not.
func (c *callbacks) tell(call func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || len(c.calls) == maxCalls {
		return
	}
	c.calls = append(c.calls, call)
	c.start()
}

// tellState has a function called that tells of a state. Of those for which too many wait only the last is. After stop it
// is not.
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

// start needs the lock.
func (c *callbacks) start() {
	if !c.active {
		c.active = true
		c.running.Go(c.run)
	}
}

func (c *callbacks) run() {
	for call := c.next(); call != nil; call = c.next() {
		var ended sync.WaitGroup
		ended.Go(func() { _ = guard.Call(func() error { call(); return nil }) }) // it may end its goroutine
		ended.Wait()
	}
}

// next returns nil when there is nothing to call any more.
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

// stop returns when everything that was told was called. When ctx is done what was not yet is dropped.
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
