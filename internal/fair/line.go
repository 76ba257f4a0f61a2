package fair

// line is the queue of one topic.
type line[T any] struct {
	topic string
	items []entry[T] // items before next were taken
	next  int        // index of the oldest item
	size  int

	before, behind *line[T] // neighbors in the row
	index          int      // in bySize
}

type entry[T any] struct {
	item T
	size int
}

func (l *line[T]) push(item T, size int) { l.items = append(l.items, entry[T]{item, size}) }

// newest returns the size of the newest item.
func (l *line[T]) newest() int { return l.items[len(l.items)-1].size }

// pop removes the newest item.
func (l *line[T]) pop() {
	last := len(l.items) - 1
	l.items[last] = entry[T]{}
	l.items = l.items[:last]
	l.pack()
}

// shift removes the oldest item.
func (l *line[T]) shift() (item T, size int) {
	e := l.items[l.next]
	l.items[l.next] = entry[T]{}
	l.next++
	l.pack()
	return e.item, e.size
}

// pack moves the items to the front when half of the slice is unused, so that each item is moved once on average.
func (l *line[T]) pack() {
	if l.next*2 >= len(l.items) {
		n := copy(l.items, l.items[l.next:])
		clear(l.items[n:])
		l.items, l.next = l.items[:n], 0
	}
}

// row is a linked list of lines.
type row[T any] struct{ first, last *line[T] }

func (r *row[T]) add(l *line[T]) {
	l.before, l.behind = r.last, nil
	if r.last == nil {
		r.first = l
	} else {
		r.last.behind = l
	}
	r.last = l
}

func (r *row[T]) remove(l *line[T]) {
	if l.before == nil {
		r.first = l.behind
	} else {
		l.before.behind = l.behind
	}
	if l.behind == nil {
		r.last = l.before
	} else {
		l.behind.before = l.before
	}
	l.before, l.behind = nil, nil
}

// bySize is a heap with the longest line first.
type bySize[T any] []*line[T]

func (s bySize[T]) Len() int           { return len(s) }
func (s bySize[T]) Less(i, j int) bool { return s[i].size > s[j].size }

func (s bySize[T]) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

func (s *bySize[T]) Push(l any) {
	l.(*line[T]).index = len(*s)
	*s = append(*s, l.(*line[T]))
}

func (s *bySize[T]) Pop() any {
	last := len(*s) - 1
	l := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return l
}
