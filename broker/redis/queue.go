package redis

import (
	"errors"
	"sync"
)

// load is how much a queue holds.
type load struct{ messages, bytes int }

// queue hands things over to one goroutine. It never blocks who puts something in.
type queue[T any] struct {
	limit load

	mu     sync.Mutex // guards following
	filled sync.Cond  // there are items, or it has ended
	items  []T
	size   int  // bytes of the items
	ended  bool // nothing can be put in any more
}

func newQueue[T any](limit load) *queue[T] {
	q := &queue[T]{limit: limit}
	q.filled.L = &q.mu
	return q
}

var (
	errFull  = errors.New("wsgate/redis: the queue is full")
	errEnded = errors.New("wsgate/redis: the connection has just ended")
)

// put returns errFull or errEnded if it cannot put the item in. An empty queue takes an item of any size.
func (q *queue[T]) put(item T, size int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.ended:
		return errEnded
	case len(q.items) >= q.limit.messages, len(q.items) > 0 && q.size+size > q.limit.bytes:
		return errFull
	}
	q.items = append(q.items, item)
	q.size += size
	q.filled.Signal()
	return nil
}

// take waits until there are items, and returns all. It returns none when the queue has ended. The queue keeps the
// space of spare.
func (q *queue[T]) take(spare []T) []T {
	clear(spare)
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 && !q.ended {
		q.filled.Wait()
	}
	items := q.items
	q.items, q.size = spare[:0], 0
	return items
}

// end has the queue end behind the items that are in it.
func (q *queue[T]) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.filled.Signal()
}

// drop ends the queue and returns how many items were in it.
func (q *queue[T]) drop() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.items)
	q.items, q.ended = nil, true
	q.filled.Signal()
	return n
}
