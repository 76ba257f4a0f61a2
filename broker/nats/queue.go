package nats

import (
	"sync"
	"sync/atomic"
)

// queue hands on items, in order, to one goroutine.
type queue[T any] struct {
	wake chan struct{} // has an element while there may be something to take
	size atomic.Int64  // of the items that were added and are not done with

	mu    sync.Mutex // guards following
	items []T
}

func newQueue[T any]() *queue[T] { return &queue[T]{wake: make(chan struct{}, 1)} }

func (q *queue[T]) add(item T) {
	q.mu.Lock()
	q.items = append(q.items, item)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// offer adds the item, unless the queue would have more than most then. One item alone always fits.
func (q *queue[T]) offer(item T, size, most int) bool {
	if now := q.size.Add(int64(size)); now > int64(most) && now > int64(size) {
		q.size.Add(-int64(size))
		return false
	}
	q.add(item)
	return true
}

// take returns what was added since.
func (q *queue[T]) take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = nil
	return items
}

// done is called for an item that was offered, when it takes no more memory.
func (q *queue[T]) done(size int) { q.size.Add(-int64(size)) }
