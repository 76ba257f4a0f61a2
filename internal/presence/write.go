package presence

import (
	"context"
	"encoding/binary"
	"sync"
	"time"
)

// write needs the lock. It starts the writer if there is something to write or to read and nothing stands against it.
func (t *Tracker[C]) write() {
	if t.writing || t.closed || !t.retryAt.IsZero() {
		return
	}
	for _, r := range t.rooms {
		if r.hasWork() {
			t.writing = true
			t.running.Go(t.writeAll)
			return
		}
	}
}

func (r *room[C]) hasWork() bool {
	return len(r.pending) > 0 || len(r.sweep) > 0 || r.load && len(r.conns) > 0
}

// writeAll is the writer. It ends when everything is done or something fails.
func (t *Tracker[C]) writeAll() {
	for {
		jobs := t.jobs()
		if len(jobs) == 0 {
			return
		}
		var working sync.WaitGroup
		slots := make(chan struct{}, atOnce)
		for _, j := range jobs {
			slots <- struct{}{}
			working.Go(func() {
				t.work(j)
				<-slots
			})
		}
		working.Wait()
	}
}

// job is what is to be done for a room.
type job[C comparable] struct {
	room    *room[C]
	rows    map[string][]byte
	users   map[string]*value // what the rows say; nil for those who left
	swept   map[string]struct{}
	version uint64 // of the delta before
	load    bool
}

// jobs takes all that is to be done.
func (t *Tracker[C]) jobs() (jobs []*job[C]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.retryAt.IsZero() && !t.closed {
		for _, r := range t.rooms {
			if r.hasWork() {
				jobs = append(jobs, t.job(r))
			}
		}
	}
	if len(jobs) == 0 {
		t.writing = false
		t.schedule()
	}
	return jobs
}

// job needs the lock.
func (t *Tracker[C]) job(r *room[C]) *job[C] {
	j := &job[C]{room: r, rows: map[string][]byte{}, users: map[string]*value{}, swept: r.sweep, version: r.version, load: r.load && len(r.conns) > 0}
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
		return
	}
	rows, err := t.Store.Rows(ctx, t.Table(j.room.name))
	if err != nil {
		t.failed(j, "reading", err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	j.room.loading = false
	t.loaded(j.room, rows)
	t.changed()
}

// done notes that a job has ended, after what failed was put back.
func (t *Tracker[C]) done(r *room[C]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.working = false
	if r.idle() {
		delete(t.rooms, r.name)
	}
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
			r.pending[id] = struct{}{}
		}
		for row := range j.swept {
			r.sweep[row] = struct{}{}
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
	t.retryAt = now.Add(retryAfter)
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
