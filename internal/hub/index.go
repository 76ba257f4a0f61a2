package hub

import (
	"runtime"
	"sync"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/transport"
)

// index is a set of connections that is cheap to walk: what a broadcast needs of them lies side by side.
type index struct {
	topic string // where the other nodes hear what is sent to the set

	mu      sync.RWMutex // guards following, and the positions of its entries
	entries []entry
	dead    bool // removed from its indexes, since it was empty
}

// entry is a connection in one index.
type entry struct {
	t      *transport.Conn // the member's
	member *Member
	at     *position
}

// position is where a connection's entry is in one index.
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

// remove reports whether the index is empty now; with mortal set it is dead then.
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

// indexes are the rooms of one route that somebody is in, or its users.
type indexes struct {
	topics string // the beginning of the topic of each

	mu     sync.RWMutex // guards following
	byName map[string]*index
}

// topic returns where nodes send what is for one of them.
func (xs *indexes) topic(name string) string { return xs.topics + "." + cluster.Token(name) }

func (xs *indexes) get(name string) *index {
	xs.mu.RLock()
	defer xs.mu.RUnlock()
	return xs.byName[name]
}

// add gives the member a position. The topic is that of the name.
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
		runtime.Gosched() // the last one leaves right now, and is about to remove the index
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
