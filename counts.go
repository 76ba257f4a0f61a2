package wsgate

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// counts counts by a key of which there are few. Counting takes no lock once the key was counted before.
type counts[K comparable] struct {
	known atomic.Pointer[map[K]*atomic.Uint64] // replaced, never changed

	adding sync.Mutex // held while known is replaced
}

// maxCounted is how many keys count separately, so that a client or a code that is made up for each message cannot
// exhaust memory, here and where the numbers are kept.
const maxCounted = 100

// add counts key, or other if there are too many keys.
func (c *counts[K]) add(key, other K) {
	n := c.of(key)
	if n == nil {
		n = c.register(key, other)
	}
	n.Add(1)
}

func (c *counts[K]) of(key K) *atomic.Uint64 {
	if known := c.known.Load(); known != nil {
		return (*known)[key]
	}
	return nil
}

func (c *counts[K]) register(key, other K) *atomic.Uint64 {
	c.adding.Lock()
	defer c.adding.Unlock()
	now := map[K]*atomic.Uint64{}
	if known := c.known.Load(); known != nil {
		now = maps.Clone(*known)
	}
	if now[key] == nil && len(now) >= maxCounted {
		key = other
	}
	if now[key] == nil {
		now[key] = new(atomic.Uint64)
		c.known.Store(&now)
	}
	return now[key]
}

func (c *counts[K]) all() map[K]uint64 {
	all := map[K]uint64{}
	if known := c.known.Load(); known != nil {
		for key, n := range *known {
			all[key] = n.Load()
		}
	}
	return all
}

// results counts what became of a route's messages, by event and code.
type results struct {
	names []string       // of the events; the first is everything else
	codes []counts[Code] // of each event, without success

	// handled counts successes, the common case, by shard and by event. A connection uses one shard, so processors seldom
	// write to the same.
	handled [resultShards][]atomic.Uint64
}

const (
	resultShards = 32
	ofCacheLine  = 16 // counters, of a pair of cache lines: some processors fetch two
)

// init is called once, with the names of the events.
func (r *results) init(names []string) {
	r.names, r.codes = names, make([]counts[Code], len(names))
	for i := range r.handled {
		r.handled[i] = make([]atomic.Uint64, (len(names)+2*ofCacheLine-1)/ofCacheLine*ofCacheLine)[:len(names)]
	}
}

// add counts a message of a connection that uses the shard.
func (r *results) add(shard uint8, event int, code Code) {
	if code == "" {
		r.handled[shard%resultShards][event].Add(1)
		return
	}
	r.codes[event].add(code, "other")
}

func (r *results) all() map[string]map[Code]uint64 {
	all := make(map[string]map[Code]uint64, len(r.names))
	for event, name := range r.names {
		codes := r.codes[event].all()
		codes[Internal] += 0 // it is there even while there are none, as success is
		for i := range r.handled {
			codes[""] += r.handled[i][event].Load()
		}
		all[name] = codes
	}
	return all
}

// nameResults prepares the counting of what becomes of the route's messages.
func (rt *route) nameResults() {
	others := "$other" // no event has a name that begins with $
	if rt.hooks.message != nil {
		others = "$message"
	}
	names := []string{others}
	for _, name := range slices.Sorted(maps.Keys(rt.events)) {
		rt.events[name].index = len(names)
		names = append(names, name)
	}
	rt.results.init(names)
}
