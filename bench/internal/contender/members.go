package contender

import (
	"slices"
	"sync"
	"sync/atomic"
)

// members is a set that is read far more often than changed: readers take the
// current slice without a lock and copy nothing.
type members[T comparable] struct {
	current atomic.Pointer[[]T]
	mu      sync.Mutex // held by writers
}

// all returns the members; the slice must not be changed.
func (m *members[T]) all() []T {
	if s := m.current.Load(); s != nil {
		return *s
	}
	return nil
}

func (m *members[T]) add(v T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := append(slices.Clone(m.all()), v)
	m.current.Store(&next)
}

func (m *members[T]) remove(v T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(m.all()), func(have T) bool { return have == v })
	m.current.Store(&next)
}

// rooms makes a room the first time it is asked for.
type rooms[R any] struct {
	make   func() R
	mu     sync.Mutex // guards following
	byName map[string]R
}

func newRooms[R any](make func() R) *rooms[R] {
	return &rooms[R]{make: make, byName: map[string]R{}}
}

func (r *rooms[R]) get(name string) R {
	r.mu.Lock()
	defer r.mu.Unlock()
	room, ok := r.byName[name]
	if !ok {
		room = r.make()
		r.byName[name] = room
	}
	return room
}
