package presence

import "time"

// maxPurges bounds the empty rooms that are remembered because this node may have rows left in their tables. Further
// rows stay until a user of this node enters the room again, or until they expire in the store.
const maxPurges = 10_000

// tidy drops a room that is not needed any more. Of a room that only has to be purged it keeps the name. The caller
// holds the lock.
func (t *Tracker[C]) tidy(r *room[C]) {
	if t.rooms[r.name] != r || !r.idle() {
		return
	}
	delete(t.rooms, r.name)
	if r.purge && len(t.purges) < maxPurges {
		t.purges[r.name] = struct{}{}
		t.purgeAt = sooner(t.purgeAt, later(r.retryAt, t.pausedUntil))
	}
}

// purge deletes the rows of users who left while the store failed. The caller holds the lock.
func (t *Tracker[C]) purge() {
	if time.Now().Before(t.purgeAt) {
		return
	}
	t.purgeAt = time.Time{}
	for name := range t.purges {
		if t.working == atOnce {
			t.refused = true
			return
		}
		delete(t.purges, name)
		if t.rooms[name] == nil {
			r := newRoom[C](name)
			r.purge = true
			t.rooms[name] = r
			t.try(r)
		}
	}
}
