package presence

import (
	"context"
	"encoding/binary"
	"maps"
	"time"
)

// write needs the lock. It starts what is to be done, as far as nothing stands against it. Rooms do not wait for each
// other: one whose table fails or does not answer is tried again later, by itself.
func (t *Tracker[C]) write() {
	if t.closed {
		return
	}
	t.refused, t.retryAt = false, time.Time{}
	for _, r := range t.rooms {
		if t.try(r); t.refused {
			return // the next that ends goes on
		}
	}
	t.purge()
}

// try needs the lock. It starts what is to be done for a room.
func (t *Tracker[C]) try(r *room[C]) {
	if t.closed || r.working || !r.hasWork() {
		return
	}
	notBefore := later(r.retryAt, t.pausedUntil)
	switch {
	case time.Now().Before(notBefore):
		t.retryAt = sooner(t.retryAt, notBefore)
	case t.working == atOnce:
		t.refused = true
	default:
		t.working++
		j := t.job(r)
		t.running.Go(func() { t.work(j) })
	}
}

// later and sooner return one of two times. The zero time is none.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (r *room[C]) hasWork() bool {
	return len(r.pending) > 0 || len(r.sweep) > 0 || r.hasToLoad()
}

// hasToLoad reports whether the table is to be read: for members, or to find rows of users who have left.
func (r *room[C]) hasToLoad() bool { return r.load && len(r.conns) > 0 || r.purge }

// job is what is to be done for a room.
type job[C comparable] struct {
	room    *room[C]
	rows    map[string][]byte
	users   map[string]*value // what the rows say; nil for those who left
	swept   map[string]struct{}
	version uint64 // of the delta before
	load    bool
}

// job needs the lock.
func (t *Tracker[C]) job(r *room[C]) *job[C] {
	j := &job[C]{room: r, rows: map[string][]byte{}, users: map[string]*value{}, swept: r.sweep, version: r.version, load: r.hasToLoad()}
	for id := range r.pending {
		row := rowName(t.Node.ID(), id)
		j.rows[row], j.users[id] = nil, nil
		if u := r.local[id]; u != nil {
			v := u.value
			j.rows[row], j.users[id] = v.row(), &v
		}
	}
	for row := range r.sweep {
		if node, _, _ := parseRowName(row); !t.Node.Alive(node) { // else it was heard of again
			j.rows[row] = nil
		}
	}
	r.working, r.pending, r.sweep = true, map[string]struct{}{}, map[string]struct{}{}
	if j.load {
		r.load, r.loading = false, true
	}
	return j
}

// work does a job. What fails stays to be done.
func (t *Tracker[C]) work(j *job[C]) {
	ctx, cancel := context.WithTimeout(t.context, storeWithin)
	defer cancel()
	defer t.done(j.room)
	err := t.save(ctx, j)
	if err != nil {
		t.failed(j, "writing", err)
		return
	}
	if !j.load {
		t.succeeded()
		return
	}
	rows, err := t.Store.Rows(ctx, t.Table(j.room.name))
	if err != nil {
		t.failed(j, "reading", err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	j.room.loading, j.room.purge = false, false
	t.loaded(j.room, rows)
	clear(t.streak)
	t.changed()
}

func (t *Tracker[C]) succeeded() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.streak)
}

// done notes that a job has ended, after what failed was put back, and goes on with what had to wait for it.
func (t *Tracker[C]) done(r *room[C]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.working = false
	t.working--
	t.tidy(r)
	if t.try(r); t.refused {
		t.write()
	}
	t.schedule()
}

// save writes the rows and then tells the other nodes: who reads the table after it subscribed misses nothing.
func (t *Tracker[C]) save(ctx context.Context, j *job[C]) error {
	if len(j.rows) == 0 {
		return nil
	}
	if err := t.Store.Update(ctx, t.Table(j.room.name), j.rows); err != nil {
		return err
	}
	version := j.version
	var body []byte
	begin := func() {
		version++
		body = binary.AppendUvarint(body[:0], version)
	}
	begin()
	for id, v := range j.users {
		if len(body) > maxDelta {
			if err := t.Publish(j.room.name, body); err != nil {
				return err
			}
			begin()
		}
		body = appendDelta(body, id, v)
	}
	err := t.Publish(j.room.name, body)
	t.mu.Lock()
	defer t.mu.Unlock()
	j.room.version = version
	return err
}

// failed has a job done again later. Members who wait for their first news get what is known here.
func (t *Tracker[C]) failed(j *job[C], doing string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := j.room
	if doing == "writing" {
		for id := range j.users {
			if r.local[id] != nil {
				r.pending[id] = struct{}{}
			} else {
				r.purge = true // the users who leave while the store fails would be ever more
			}
		}
		if len(r.conns) > 0 { // else it is for the nodes that have members there
			maps.Copy(r.sweep, j.swept)
		}
	}
	if j.load {
		r.load, r.loading, r.loaded = true, false, true
		for _, d := range r.backlog {
			r.apply(d)
		}
		r.backlog = nil
	}
	if t.closed {
		return
	}
	now := time.Now()
	r.retryAt = now.Add(retryAfter)
	t.streak[r.name] = struct{}{}
	if len(t.streak) >= atOnce { // it is not for some tables that the store fails
		t.pausedUntil = r.retryAt
		clear(t.streak)
	}
	if now.Sub(t.complained) >= complainEvery {
		t.complained = now
		t.Failed(doing, r.name, err)
	}
	t.changed()
}

// loaded needs the lock. It takes a table as it was read.
func (t *Tracker[C]) loaded(r *room[C], rows map[string][]byte) {
	remote := parseRows(rows)
	own := remote[t.Node.ID()]
	delete(remote, t.Node.ID())
	for id, v := range own {
		if u := r.local[id]; u == nil || u.stamp != v.stamp {
			r.pending[id] = struct{}{}
		}
	}
	for id := range r.local {
		if _, ok := own[id]; !ok { // somebody took this node for dead
			r.pending[id] = struct{}{}
		}
	}
	for node, users := range remote {
		if t.Node.Alive(node) {
			continue
		}
		for id := range users {
			r.sweep[rowName(node, id)] = struct{}{}
		}
		delete(remote, node)
	}
	r.replace(remote)
}
