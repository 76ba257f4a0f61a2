package presence

import (
	"maps"
	"slices"
	"time"
)

// room is this node's copy of who is in a room. The tracker's lock guards it.
type room[C comparable] struct {
	name  string
	conns map[C]struct{} // the members on this node

	local  map[string]*user[C]         // on this node, by id
	remote map[string]map[string]value // on other nodes: by node, by id

	version  uint64            // of the last delta from this node
	versions map[string]uint64 // of the last delta from each other node; none after loading

	shown     map[string][]byte   // what the members know, or would know if they were not too many: metadata by id
	size      int                 // size of shown in an event
	counted   bool                // the members got only the count
	dirty     map[string]struct{} // users that may have changed since
	newcomers map[C]struct{}      // members who have not got a snapshot

	working  bool                // a job of the room is under way
	retryAt  time.Time           // no job before; zero after success
	purge    bool                // there may be rows of users who left and are no longer in local
	pending  map[string]struct{} // users whose row and delta have to be written
	sweep    map[string]struct{} // rows of dead nodes, to be deleted
	load     bool                // the table has to be read
	loading  bool                // the table is being read
	doubtful bool                // the table has to be read at the tracker's doubtAt
	loaded   bool                // the table was read, or reading failed
	backlog  []delta             // deltas received while the table was read
}

// user is a user with connections on this node, or in its grace.
type user[C comparable] struct {
	value
	conns map[C]struct{}
	until time.Time // the end of grace, if conns is empty
}

func newRoom[C comparable](name string) *room[C] {
	return &room[C]{
		name: name, conns: map[C]struct{}{}, local: map[string]*user[C]{},
		remote: map[string]map[string]value{}, versions: map[string]uint64{},
		shown: map[string][]byte{}, dirty: map[string]struct{}{}, newcomers: map[C]struct{}{},
		pending: map[string]struct{}{}, sweep: map[string]struct{}{},
	}
}

// enter adds a connection, or updates its metadata.
func (r *room[C]) enter(c C, id string, meta []byte) {
	if len(r.conns) == 0 { // the data about other nodes is outdated
		r.load, r.loaded = true, false
	}
	if _, ok := r.conns[c]; !ok {
		r.conns[c] = struct{}{}
		r.newcomers[c] = struct{}{}
	}
	u := r.local[id]
	if u == nil {
		u = &user[C]{conns: map[C]struct{}{}}
		r.local[id] = u
	}
	u.conns[c] = struct{}{}
	if string(u.meta) == string(meta) {
		return
	}
	u.value = value{max(u.stamp+1, uint64(time.Now().UnixMilli())), meta}
	r.dirty[id] = struct{}{}
	r.pending[id] = struct{}{}
}

// exit removes a connection. It reports whether it was the user's last on this node.
func (r *room[C]) exit(c C, id string, until time.Time) (last bool) {
	delete(r.conns, c)
	delete(r.newcomers, c)
	u := r.local[id]
	if u == nil {
		return false
	}
	if _, ok := u.conns[c]; !ok {
		return false
	}
	delete(u.conns, c)
	u.until = until
	return len(u.conns) == 0
}

// expire removes a user whose grace is over and who has no connection.
func (r *room[C]) expire(id string, now time.Time) {
	if u := r.local[id]; u != nil && len(u.conns) == 0 && !now.Before(u.until) {
		delete(r.local, id)
		r.dirty[id] = struct{}{}
		r.pending[id] = struct{}{}
	}
}

// apply applies a delta of another node.
func (r *room[C]) apply(d delta) {
	if have, ok := r.versions[d.node]; ok && d.version != have+1 {
		r.load = true // a delta was lost
	}
	r.versions[d.node] = d.version
	users := r.remote[d.node]
	if users == nil {
		users = map[string]value{}
		r.remote[d.node] = users
	}
	for id, v := range d.here {
		users[id] = v
		r.dirty[id] = struct{}{}
	}
	for _, id := range d.gone {
		delete(users, id)
		r.dirty[id] = struct{}{}
	}
}

// forget drops the data of another node.
func (r *room[C]) forget(node string) {
	for id := range r.remote[node] {
		r.dirty[id] = struct{}{}
		r.sweep[rowName(node, id)] = struct{}{}
	}
	delete(r.remote, node)
	delete(r.versions, node)
	r.backlog = slices.DeleteFunc(r.backlog, func(d delta) bool { return d.node == node })
}

// replace replaces the data of other nodes by that of the store.
func (r *room[C]) replace(remote map[string]map[string]value) {
	for _, users := range []map[string]map[string]value{r.remote, remote} {
		for _, byID := range users {
			for id := range byID {
				r.dirty[id] = struct{}{}
			}
		}
	}
	r.remote = remote
	clear(r.versions)
	for _, d := range r.backlog {
		r.apply(d)
	}
	r.backlog, r.loaded = nil, true
}

// find merges the data about a user on all nodes; ok is false if the user is not in the room.
func (r *room[C]) find(id string) (v value, ok bool) {
	if u := r.local[id]; u != nil {
		v, ok = u.value, true
	}
	for _, users := range r.remote {
		if other, there := users[id]; there && (!ok || other.after(v)) {
			v, ok = other, true
		}
	}
	return v, ok
}

// all returns all users.
func (r *room[C]) all() map[string][]byte {
	all := make(map[string][]byte, len(r.local))
	for _, users := range r.remote {
		for id := range users {
			all[id] = nil
		}
	}
	for id := range r.local {
		all[id] = nil
	}
	for id := range all {
		v, _ := r.find(id)
		all[id] = v.meta
	}
	return all
}

// Change is a change that members of a room are told of.
type Change[C comparable] struct {
	Room  string
	All   bool              // Here is a full snapshot
	Here  map[string][]byte // metadata of users who entered or whose metadata has changed
	Gone  []string
	Count int            // of all users; may exceed len(Here) even if All is set
	Only  []C            // the receivers, if this is for new members
	But   map[C]struct{} // otherwise all members except these
}

// changes returns the changes to send now. Above maxUsers users, or maxBytes of JSON about them, members get only the
// count, so that every event fits into a queue.
func (r *room[C]) changes(maxUsers, maxBytes int) (told []Change[C]) {
	if !r.loaded || len(r.dirty)+len(r.newcomers) == 0 {
		return nil
	}
	here := map[string][]byte{}
	var gone []string
	size := 0 // size of here and gone
	for id := range r.dirty {
		v, there := r.find(id)
		was, shown := r.shown[id]
		switch {
		case there && (!shown || string(was) != string(v.meta)):
			size += r.show(id, v.meta)
			here[id] = v.meta
		case !there && shown:
			size += r.hide(id)
			gone = append(gone, id)
		}
	}
	clear(r.dirty)
	slices.Sort(gone)
	wasCounted, newcomers := r.counted, r.newcomers
	r.counted = r.tooLarge(maxUsers, maxBytes)
	r.newcomers = map[C]struct{}{} // a new map, since the changes are read without the lock
	switch {
	case len(here)+len(gone) == 0 && wasCounted == r.counted:
	case r.counted:
		told = append(told, Change[C]{Room: r.name, Count: len(r.shown), But: newcomers})
	case wasCounted || size > maxBytes:
		all := r.everybody()
		all.But = newcomers
		told = append(told, all)
	default:
		told = append(told, Change[C]{Room: r.name, Here: here, Gone: gone, Count: len(r.shown), But: newcomers})
	}
	if len(newcomers) > 0 {
		all := r.everybody()
		all.Only = slices.Collect(maps.Keys(newcomers))
		told = append(told, all)
	}
	return told
}

// tooLarge reports whether members get only the count. Once they do, the room has to shrink a tenth below the bound, or
// a single user who comes and goes would cause a full snapshot for all each time.
func (r *room[C]) tooLarge(maxUsers, maxBytes int) bool {
	if r.counted {
		maxUsers, maxBytes = maxUsers-maxUsers/10, maxBytes-maxBytes/10
	}
	return len(r.shown) > maxUsers || r.size > maxBytes
}

// show and hide update shown, and return the size of the change in an event.
func (r *room[C]) show(id string, meta []byte) int {
	r.hide(id)
	r.shown[id] = meta
	n := entrySize(id, meta)
	r.size += n
	return n
}

func (r *room[C]) hide(id string) int {
	meta, shown := r.shown[id]
	if !shown {
		return 0
	}
	n := entrySize(id, meta)
	r.size -= n
	delete(r.shown, id)
	return n
}

// everybody returns a full snapshot.
func (r *room[C]) everybody() Change[C] {
	all := Change[C]{Room: r.name, All: true, Count: len(r.shown)}
	if !r.counted {
		all.Here = maps.Clone(r.shown)
	}
	return all
}

// idle reports whether the room is not needed any more.
func (r *room[C]) idle() bool {
	return len(r.conns) == 0 && len(r.local) == 0 && len(r.pending) == 0 && len(r.sweep) == 0 && !r.working
}
