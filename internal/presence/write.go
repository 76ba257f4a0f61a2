package presence

import (
	"context"
	"encoding/binary"
	"maps"
	"time"
)

// write starts the jobs of all rooms, as far as they may run. Rooms do not wait for each other: one whose table fails
// or does not answer is retried later by itself. The caller holds the lock.
func (t *Tracker[C]) write() {
	if t.closed {
		return
	}
	t.refused, t.retryAt = false, time.Time{}
	for _, r := range t.rooms {
		if t.try(r); t.refused {
			return // the next job that ends continues
		}
	}
	t.purge()
}

// try starts a room's job, if there is one. The caller holds the lock.
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

// later and sooner return one of two times. Zero means no time.
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

// hasToLoad reports whether the table has to be read: for members, or to find rows of users who have left.
func (r *room[C]) hasToLoad() bool { return r.load && len(r.conns) > 0 || r.purge }

// job is the work for a room.
type job[C comparable] struct {
	room    *room[C]
	rows    map[string][]byte
	users   map[string]*value // the values in the rows; nil for users who left
	swept   map[string]struct{}
	version uint64 // of the previous delta
	load    bool
}

// job takes the pending work of a room. The caller holds the lock.
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
		if node, _, _ := parseRowName(row); !t.Node.Alive(node) { // otherwise it has come back
			j.rows[row] = nil
		}
	}
	r.working, r.pending, r.sweep = true, map[string]struct{}{}, map[string]struct{}{}
	if j.load {
		r.load, r.loading = false, true
	}
	return j
}

// work does a job. What fails stays pending.
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

// done ends a job, after failed work was put back, and starts jobs that had to wait.
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

// save writes the rows and then publishes the delta, so that a node that subscribes and then reads the table misses
// nothing.
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

// failed puts a job back to be retried. Members who wait for their snapshot get what this node knows.
func (t *Tracker[C]) failed(j *job[C], doing string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := j.room
	if doing == "writing" {
		for id := range j.users {
			if r.local[id] != nil {
				r.pending[id] = struct{}{}
			} else {
				r.purge = true // instead of pending: users who leave while the store fails would pile up
			}
		}
		if len(r.conns) > 0 { // otherwise nobody here needs it
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
	if len(t.streak) >= atOnce { // the whole store fails, not just some tables
		t.pausedUntil = r.retryAt
		clear(t.streak)
	}
	if now.Sub(t.complained) >= complainEvery {
		t.complained = now
		t.Failed(doing, r.name, err)
	}
	t.changed()
}

// loaded applies a table that was read. The caller holds the lock.
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
		if _, ok := own[id]; !ok { // another node has declared this one dead
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
