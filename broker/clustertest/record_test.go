package clustertest

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// record keeps what came, in the order in which it came, for those who wait for it. The zero value is empty.
type record[T any] struct {
	mu    sync.Mutex // guards following
	items []T
	added chan struct{} // closed and replaced when something comes; nil while nobody waits
}

func (r *record[T]) add(item T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items = append(r.items, item)
	if r.added != nil {
		close(r.added)
		r.added = nil
	}
}

func (r *record[T]) all() []T {
	items, _ := r.now()
	return items
}

// now returns what has come until now, and a channel that is closed when more comes.
func (r *record[T]) now() (items []T, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.added == nil {
		r.added = make(chan struct{})
	}
	return slices.Clip(r.items), r.added
}

// find waits until an item is the one that is wanted and returns it with its index. The first skip items do not count.
func (r *record[T]) find(ctx context.Context, skip int, want func(T) bool) (item T, index int, err error) {
	for {
		items, more := r.now()
		for i, item := range items[min(skip, len(items)):] {
			if want(item) {
				return item, skip + i, nil
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return item, 0, fmt.Errorf("%w: got %v", context.Cause(ctx), items)
		}
	}
}
