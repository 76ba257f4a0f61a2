package nats

import "sync"

// queue hands on items, in order, to one goroutine. It is for what nobody can make more of than the App needs; messages
// have a [fair.Queue].
type queue[T any] struct {
	wake chan struct{} // has an element while there may be something to take

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

// take returns what was added since.
func (q *queue[T]) take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = nil
	return items
}
