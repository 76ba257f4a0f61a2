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

// Queue hands items to one goroutine. What is put in for one topic comes out in its order; the topics take turns, an item
// each. When it is full, an item that comes for a topic that has much in it has no room, and one that comes for another
// takes it from the topic that has most. So a topic loses nothing that has at most half of its share, which is the room
// divided by the topics that wait.
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
	spare []*line[T] // to be used again
}

// Overhead is what an item counts for besides its bytes and those of its topic: about what it takes in the queue.
const Overhead = 200

const (
	batchBytes = 256 << 10 // past which Take takes no more
	maxSpare   = 64        // lines that are kept
	spareItems = 64        // for which such a line has room
)

var (
	// ErrFull is the error of an item that has no room.
	ErrFull = errors.New("the queue is full")
	// ErrEnded is the error of an item that comes after the end.
	ErrEnded = errors.New("the queue has ended")
)

// New returns a queue for that many bytes.
func New[T any](max int) *Queue[T] {
	return &Queue[T]{max: max, ready: make(chan struct{}, 1), lines: map[string]*line[T]{}}
}

// Loss is what had to go.
type Loss struct {
	Items int
	Topic string // of the last of them
}

// Put adds an item to its topic's and does not wait. If items had to go that were put in before, the loss says so; the
// error is that this one has no room itself. One item alone always has.
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
		if 2*own.size > longest.size { // two floods do not take what is in from each other: who comes is told at once
			q.drop(own)
			return loss, ErrFull
		}
		loss.Items++
		loss.Topic = longest.topic
		q.drop(longest)
	}
	if q.count == 1 { // else Ready has its element, or whoever has taken it calls Take
		q.signal()
	}
	return loss, nil
}

// Ready has an element while there is something to take, or the queue has ended.
func (q *Queue[T]) Ready() <-chan struct{} { return q.ready }

// Take is to be called when Ready had an element. It appends the items whose turn it is to a batch, as many as the batch
// has room for, and fewer if they are large. It reports false when the queue has ended and is empty.
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

// End lets nothing in any more. What is in the queue can be taken.
func (q *Queue[T]) End() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.signal()
}

// Drop ends the queue, and returns how many items were in it.
func (q *Queue[T]) Drop() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.count
	q.lines, q.row, q.sizes, q.spare = nil, row[T]{}, nil, nil
	q.size, q.count, q.ended = 0, 0, true
	q.signal()
	return n
}

// The methods below need the lock.

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

// resized counts what a line has more or less. One that is empty is none.
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
