package hub

import (
	"runtime"
	"sync"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/transport"
)

// index is a set of connections that is cheap to iterate: all that a broadcast needs is in one slice.
type index struct {
	topic string // on which other nodes receive messages for the set

	mu      sync.RWMutex // guards following, and the positions of its entries
	entries []entry
	dead    bool // removed from its indexes, because it was empty
}

// entry is a connection in one index.
type entry struct {
	t      *transport.Conn // the member's
	member *Member
	at     *position
}

// position is the position of a connection's entry in one index.
type position struct{ i int }

// each calls f, which does not block, for every member. A nil index has none.
func (x *index) each(f func(entry)) {
	if x == nil {
		return
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, e := range x.entries {
		f(e)
	}
}

// add reports false if the index is dead.
func (x *index) add(m *Member, at *position) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.dead {
		return false
	}
	at.i = len(x.entries)
	x.entries = append(x.entries, entry{m.t, m, at})
	return true
}

// remove reports whether the index is empty now. If mortal is set, an empty index becomes dead.
func (x *index) remove(at *position, mortal bool) (empty bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	last := len(x.entries) - 1
	x.entries[at.i] = x.entries[last]
	x.entries[at.i].at.i = at.i
	x.entries[last] = entry{}
	x.entries = x.entries[:last]
	x.dead = mortal && last == 0
	return last == 0
}

// indexes holds the non-empty rooms of one route, or its users.
type indexes struct {
	topics string // prefix of their topics

	mu     sync.RWMutex // guards following
	byName map[string]*index
}

// topic returns the topic of the index with that name.
func (xs *indexes) topic(name string) string { return xs.topics + "." + cluster.Token(name) }

func (xs *indexes) get(name string) *index {
	xs.mu.RLock()
	defer xs.mu.RUnlock()
	return xs.byName[name]
}

// add adds the member to the index of that name and sets its position. topic is the topic of the name.
func (xs *indexes) add(name, topic string, m *Member, at *position) {
	for {
		xs.mu.Lock()
		x := xs.byName[name]
		if x == nil {
			if xs.byName == nil {
				xs.byName = make(map[string]*index)
			}
			x = &index{topic: topic}
			xs.byName[name] = x
		}
		xs.mu.Unlock()
		if x.add(m, at) {
			return
		}
		runtime.Gosched() // the last member is leaving and about to remove the index
	}
}

func (xs *indexes) remove(name string, at *position) {
	x := xs.get(name)
	if !x.remove(at, true) {
		return
	}
	xs.mu.Lock()
	defer xs.mu.Unlock()
	delete(xs.byName, name)
}
