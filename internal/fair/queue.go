// Package fair implements a queue between many topics and one goroutine in which no topic crowds out another.
//
// Modules of this repository that have their own versions import it, so it changes like a public package: nothing in
// it is removed or gets another meaning.
package fair

import (
	"container/heap"
	"errors"
	"sync"
)

// Queue passes items to one goroutine. The items of one topic stay in order; the topics take turns, one item each. When
// the queue is full, a new item of a topic that already has many items is dropped, and a new item of another topic
// displaces the newest of the largest topic. So a topic loses nothing while it uses at most half of its share, which is
// the space divided by the number of waiting topics.
type Queue[T any] struct {
	max   int
	ready chan struct{}

	mu    sync.Mutex // guards following
	lines map[string]*line[T]
	row   row[T]    // the same lines, in the order of their turns
	sizes bySize[T] // the same lines
	size  int
	count int
	ended bool
	spare []*line[T] // for reuse
}

// Overhead is added to the size of an item and its topic: about the memory that an item takes in the queue.
const Overhead = 200

const (
	batchBytes = 256 << 10 // at which Take stops
	maxSpare   = 64        // lines kept for reuse
	spareItems = 64        // maximum capacity of such a line
)

var (
	// ErrFull is the error for an item that was dropped.
	ErrFull = errors.New("the queue is full")
	// ErrEnded is the error for an item put after End.
	ErrEnded = errors.New("the queue has ended")
)

// New returns a queue with that capacity in bytes.
func New[T any](max int) *Queue[T] {
	return &Queue[T]{max: max, ready: make(chan struct{}, 1), lines: map[string]*line[T]{}}
}

// Loss describes displaced items.
type Loss struct {
	Items int
	Topic string // of the last one
}

// Put adds an item for a topic and does not block. The loss describes earlier items that were displaced; the error
// means that this item was dropped. An empty queue accepts any item.
func (q *Queue[T]) Put(topic string, item T, size int) (loss Loss, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return loss, ErrEnded
	}
	own := q.line(topic)
	own.push(item, size+len(topic)+Overhead)
	q.resized(own, own.newest(), 1)
	for q.size > q.max && q.count > 1 {
		longest := q.sizes[0]
		if 2*own.size > longest.size { // two floods do not displace each other: the new item is dropped
			q.drop(own)
			return loss, ErrFull
		}
		loss.Items++
		loss.Topic = longest.topic
		q.drop(longest)
	}
	if q.count == 1 { // otherwise Ready has an element, or its receiver is about to call Take
		q.signal()
	}
	return loss, nil
}

// Ready has an element while there is something to take, or the queue has ended.
func (q *Queue[T]) Ready() <-chan struct{} { return q.ready }

// Take must be called after receiving from Ready. It appends the next items to a batch, up to the batch's capacity, and
// fewer if they are large. It reports false when the queue has ended and is empty.
func (q *Queue[T]) Take(batch []T) (items []T, open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for size := 0; q.count > 0 && len(batch) < cap(batch) && size < batchBytes; {
		l := q.row.first
		item, itemSize := l.shift()
		batch = append(batch, item)
		size += itemSize
		q.row.remove(l)
		q.row.add(l)
		q.resized(l, -itemSize, -1)
	}
	open = !q.ended || q.count > 0
	if q.count > 0 || q.ended {
		q.signal()
	}
	return batch, open
}

// End makes the queue refuse new items. Those in the queue can still be taken.
func (q *Queue[T]) End() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.signal()
}

// Drop ends the queue, and returns the number of items that were in it.
func (q *Queue[T]) Drop() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.count
	q.lines, q.row, q.sizes, q.spare = nil, row[T]{}, nil, nil
	q.size, q.count, q.ended = 0, 0, true
	q.signal()
	return n
}

// For the methods below, the caller holds the lock.

func (q *Queue[T]) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// line returns the topic's line.
func (q *Queue[T]) line(topic string) *line[T] {
	l := q.lines[topic]
	if l != nil {
		return l
	}
	if n := len(q.spare); n > 0 {
		l, q.spare = q.spare[n-1], q.spare[:n-1]
	} else {
		l = new(line[T])
	}
	l.topic = topic
	q.lines[topic] = l
	q.row.add(l)
	heap.Push(&q.sizes, l)
	return l
}

func (q *Queue[T]) drop(l *line[T]) {
	size := l.newest()
	l.pop()
	q.resized(l, -size, -1)
}

// resized updates the sizes after a line has changed, and removes an empty line.
func (q *Queue[T]) resized(l *line[T], size, count int) {
	l.size += size
	q.size += size
	q.count += count
	if l.size > 0 {
		heap.Fix(&q.sizes, l.index)
		return
	}
	delete(q.lines, l.topic)
	q.row.remove(l)
	heap.Remove(&q.sizes, l.index)
	if len(q.spare) < maxSpare && cap(l.items) <= spareItems {
		l.topic = ""
		q.spare = append(q.spare, l)
	}
}
