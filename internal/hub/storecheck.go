package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wsgate/wsgate/internal/cluster"
)

// ErrStore is the error of a PresenceStore that does not work. It is an [ErrBroker] as well.
var ErrStore = fmt.Errorf("%w: presence needs its PresenceStore, which fails", ErrBroker)

const (
	storeWithin = 5 * time.Second // time limit of one check
	storeAgain  = 5 * time.Second // interval between checks while the store fails
)

var errStoreSilent = fmt.Errorf("no answer within %v", storeWithin)

// storeCheck checks whether the PresenceStore works. A message broker that delivers messages may not support tables, or
// may refuse them; then each node would see only its own users. The store is checked at the start, whenever the message
// broker becomes available or a tracker fails to use it, and repeatedly while it fails.
type storeCheck struct {
	hub   *Hub
	wake  chan struct{}      // capacity 1: a check was requested
	tried chan struct{}      // closed after the first check, or when there will be none
	ended chan struct{}      // closed when the goroutine has ended
	end   context.CancelFunc // nil if not started

	mu     sync.Mutex // guards following
	failed error
}

func newStoreCheck(h *Hub) *storeCheck {
	return &storeCheck{hub: h, wake: make(chan struct{}, 1), tried: make(chan struct{}), ended: make(chan struct{})}
}

// start starts the checks, and returns the result of the first. It waits for it no longer than ctx lasts.
func (c *storeCheck) start(ctx context.Context) error {
	living, end := context.WithCancel(context.Background())
	c.end = end
	go c.run(living)
	select {
	case <-c.tried:
		return c.err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stop ends the checks. It waits no longer than ctx lasts for a store that ignores its context.
func (c *storeCheck) stop(ctx context.Context) {
	if c.end == nil {
		return
	}
	c.end()
	select {
	case <-c.ended:
	case <-ctx.Done():
	}
}

// again requests a check. It does not block.
func (c *storeCheck) again() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// err returns the result of the last check.
func (c *storeCheck) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

func (c *storeCheck) run(ctx context.Context) {
	defer close(c.ended)
	c.try(ctx)
	close(c.tried)
	for {
		var again <-chan time.Time
		before := c.err()
		if before != nil {
			again = time.After(storeAgain)
		}
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-again:
		}
		c.try(ctx)
		if now := c.err(); (now == nil) != (before == nil) {
			c.hub.storeChanged(now)
		}
	}
}

// try checks the store, unless the message broker is away.
func (c *storeCheck) try(ctx context.Context) {
	err := c.hub.tryStore(ctx)
	if ctx.Err() != nil || c.hub.node.Away() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed = nil; err != nil {
		c.failed = fmt.Errorf("%w: %w", ErrStore, err)
	}
}

// tryStore writes a row of a table that only this node has, reads the table, and deletes the row.
func (h *Hub) tryStore(ctx context.Context) error {
	if err := h.node.Away(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	table := cluster.Topic("presence", "try", h.node.ID())
	err := h.store.Update(ctx, table, map[string][]byte{"row": {1}})
	if err == nil {
		_, err = h.store.Rows(ctx, table)
	}
	if err == nil {
		err = h.store.Update(ctx, table, map[string][]byte{"row": nil})
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", errStoreSilent, err)
	}
	return err
}
