package nats

import "sync"

// queue passes items, in order, to one goroutine. It is for items whose number is bounded by the App; messages use a
// [fair.Queue].
type queue[T any] struct {
	wake chan struct{} // capacity 1: there may be items

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

// take returns the items added since the last call.
func (q *queue[T]) take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = nil
	return items
}
