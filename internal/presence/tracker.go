// Package presence keeps track of who is in the rooms of a route, on any node.
//
// Every node publishes which of its own users are in which rooms: in rows of a table that all nodes read, and in
// deltas to the room's topic, which follow the rows. A node that has members in a room keeps a copy of what all others
// publish, and tells its members how the union changes. Nodes make no common decisions, so they agree as soon as they
// have received the same. A node that missed a delta sees a gap in the versions and reads the table again.
package presence

import (
	"context"
	"sync"
	"time"
)

// Node is the part of *cluster.Node that presence needs.
type Node interface {
	ID() string
	Alive(node string) bool
	Silent() []string
	Away() error
}

// Store is wsgate.PresenceStore.
type Store interface {
	Update(ctx context.Context, table string, rows map[string][]byte) error
	Rows(ctx context.Context, table string) (map[string][]byte, error)
}

// Config configures a Tracker. C identifies a connection.
type Config[C comparable] struct {
	Node    Node
	Store   Store
	Table   func(room string) string              // the name of a room's table
	Publish func(room string, delta []byte) error // to the other nodes
	Tell    func(Change[C])                       // sends a change to the members on this node; must not block
	Failed  func(doing, room string, err error)   // reports an error; the operation is retried
	Grace   time.Duration                         // how long a user without connections stays
	// Above MaxUsers users, or MaxBytes of JSON about them, members get only the count.
	MaxUsers, MaxBytes int
}

const (
	// coalesce is how long changes are collected before they are sent in one event.
	coalesce = 250 * time.Millisecond
	// refresh is the interval at which tables are read even if no gap was noticed.
	refresh = time.Minute
	// rewriteEvery is the number of refreshes after which a node rewrites its rows: a Store keeps them for an hour.
	rewriteEvery = 20
	// storeWithin bounds a call to the Store.
	storeWithin = 5 * time.Second
	// retryAfter is the delay before a failed operation is retried.
	retryAfter = 2 * time.Second
	// doubt is the delay before a table is read after a delta of a dead node: either the delta was on its way when the
	// node left, or the node is alive and will have sent a heartbeat by then.
	doubt = 5 * time.Second
	// complainEvery is the minimum interval between calls of Failed, for all rooms together.
	complainEvery = time.Minute
	// atOnce bounds the concurrent calls to the Store.
	atOnce = 32
	// maxLeaving bounds the rooms in which a user's grace runs at a time. Beyond it there is no grace, so that a user
	// who enters ever new rooms does not exhaust memory.
	maxLeaving = 1000
)

// Tracker is the presence of one route.
type Tracker[C comparable] struct {
	Config[C]

	context context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup // timer calls and jobs

	telling sync.Mutex // held while changes are sent, to keep them in order

	mu        sync.Mutex // guards following
	rooms     map[string]*room[C]
	leaving   []leaving      // ordered by end of grace
	leavings  map[string]int // number of them, by user
	timer     *time.Timer
	wake      time.Time // when timer fires; zero if it does not run
	tellAt    time.Time // when changes are sent; zero if there are none
	refreshAt time.Time
	refreshes int
	doubtAt   time.Time // when doubtful rooms are read; zero if there are none
	retryAt   time.Time // when a failed room is retried; zero if there is none
	working   int       // jobs under way
	refused   bool      // atOnce has kept a job from starting

	streak      map[string]struct{} // rooms that failed since the last success
	pausedUntil time.Time           // set when atOnce rooms failed in a row
	purges      map[string]struct{} // rooms that only have to be purged
	purgeAt     time.Time           // not before

	complained time.Time // when Failed was last called
	closed     bool
}

// leaving is a user in grace.
type leaving struct {
	room, user string
	until      time.Time
}

// New returns a tracker without rooms. Nothing runs while there are none.
func New[C comparable](config Config[C]) *Tracker[C] {
	t := &Tracker[C]{Config: config, rooms: map[string]*room[C]{}, leavings: map[string]int{}, streak: map[string]struct{}{}, purges: map[string]struct{}{}}
	t.context, t.cancel = context.WithCancel(context.Background())
	return t
}

// Enter records that a user's connection is in a room, or has new metadata there. The node is subscribed to the room's
// topic.
func (t *Tracker[C]) Enter(name string, c C, user string, meta []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	r := t.rooms[name]
	if r == nil {
		r = newRoom[C](name)
		t.rooms[name] = r
		_, r.purge = t.purges[name]
		delete(t.purges, name)
	}
	r.enter(c, user, meta)
	if t.refreshAt.IsZero() {
		t.refreshAt = time.Now().Add(refresh)
	}
	if r.load {
		t.try(r) // at once, so that the table is read before the new member gets its snapshot
	}
	t.changed()
}

// Exit records that a connection has left a room.
func (t *Tracker[C]) Exit(name string, c C, user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rooms[name]
	if r == nil || t.closed {
		return
	}
	until := time.Now().Add(t.Grace)
	switch {
	case !r.exit(c, user, until):
	case t.leavings[user] < maxLeaving:
		t.leaving = append(t.leaving, leaving{name, user, until})
		t.leavings[user]++
		t.schedule()
	default:
		r.expire(user, until)
		t.changed()
	}
}

// Receive handles a delta of another node. It reports false if it is invalid.
func (t *Tracker[C]) Receive(name, node string, body []byte) bool {
	d, err := parseDelta(node, body)
	if err != nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rooms[name]
	if r == nil || t.closed {
		return true
	}
	if !t.Node.Alive(node) {
		r.doubtful = true
		if t.doubtAt.IsZero() {
			t.doubtAt = time.Now().Add(doubt)
		}
	}
	if r.loading {
		r.backlog = append(r.backlog, d)
	} else {
		r.apply(d)
	}
	t.changed()
	return true
}

// Dead drops the data of a node.
func (t *Tracker[C]) Dead(node string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.rooms {
		r.forget(node)
	}
	t.changed()
}

// Resync rewrites all rows and rereads all tables: deltas were lost, or the others have dropped this node's data.
func (t *Tracker[C]) Resync() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pausedUntil, t.purgeAt = time.Time{}, time.Time{}
	for _, r := range t.rooms {
		r.retryAt = time.Time{}
	}
	t.again(true)
	t.changed()
}

// again marks all rooms to be written and read. The caller holds the lock.
func (t *Tracker[C]) again(rewrite bool) {
	for _, r := range t.rooms {
		r.load = true
		for id := range r.local {
			if rewrite {
				r.pending[id] = struct{}{}
			}
		}
	}
}

// changed schedules sending and writing what has changed. The caller holds the lock.
func (t *Tracker[C]) changed() {
	if t.closed {
		return
	}
	if t.tellAt.IsZero() {
		t.tellAt = time.Now().Add(coalesce)
	}
	t.schedule()
}

// schedule sets the timer to the earliest due time. The caller holds the lock.
func (t *Tracker[C]) schedule() {
	if t.closed {
		return
	}
	next := t.tellAt
	earlier := func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if len(t.leaving) > 0 {
		earlier(t.leaving[0].until)
	}
	earlier(t.refreshAt)
	earlier(t.doubtAt)
	if !t.refused { // otherwise the next job that ends continues
		earlier(t.retryAt)
		earlier(t.purgeAt)
	}
	if next.IsZero() || !t.wake.IsZero() && !next.Before(t.wake) {
		return
	}
	if t.timer != nil && t.timer.Stop() {
		t.running.Done()
	}
	t.wake = next
	t.running.Add(1)
	t.timer = time.AfterFunc(time.Until(next), t.tick)
}

// tick does what is due.
func (t *Tracker[C]) tick() {
	defer t.running.Done()
	t.telling.Lock()
	defer t.telling.Unlock()
	for _, change := range t.due() {
		t.Tell(change)
	}
}

// due does what is due, except for sending changes.
func (t *Tracker[C]) due() (told []Change[C]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.wake = time.Time{}
	for len(t.leaving) > 0 && !now.Before(t.leaving[0].until) {
		l := t.leaving[0]
		t.leaving = t.leaving[1:]
		if t.leavings[l.user]--; t.leavings[l.user] == 0 {
			delete(t.leavings, l.user)
		}
		if r := t.rooms[l.room]; r != nil {
			r.expire(l.user, now)
			if t.tellAt.IsZero() {
				t.tellAt = now.Add(coalesce)
			}
		}
	}
	if !t.refreshAt.IsZero() && !now.Before(t.refreshAt) {
		t.refreshes++
		t.again(t.refreshes%rewriteEvery == 0)
		t.refreshAt = now.Add(refresh)
	}
	if !t.doubtAt.IsZero() && !now.Before(t.doubtAt) {
		t.doubtAt = time.Time{}
		for _, r := range t.rooms {
			r.load = r.load || r.doubtful
			r.doubtful = false
		}
	}
	if !t.tellAt.IsZero() && !now.Before(t.tellAt) {
		t.tellAt = time.Time{}
		for _, r := range t.rooms {
			told = append(told, r.changes(t.MaxUsers, t.MaxBytes)...)
			t.tidy(r)
		}
	}
	if len(t.rooms) == 0 {
		t.refreshAt = time.Time{}
	}
	t.write()
	t.schedule()
	return told
}

// Close deletes this node's rows, until ctx is done, and stops the tracker.
func (t *Tracker[C]) Close(ctx context.Context) {
	t.mu.Lock()
	t.closed = true
	if t.timer != nil && t.timer.Stop() {
		t.running.Done()
	}
	t.mu.Unlock()
	t.cancel()
	t.running.Wait()
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	for name, r := range t.rooms { // all other goroutines have ended
		rows := map[string][]byte{}
		for id := range r.local {
			rows[rowName(t.Node.ID(), id)] = nil
		}
		for id := range r.pending { // including users who have left
			rows[rowName(t.Node.ID(), id)] = nil
		}
		if len(rows) > 0 && t.Store.Update(ctx, t.Table(name), rows) != nil {
			return // the other nodes delete them
		}
	}
}
