package presence

import "time"

// maxPurges is how many rooms are remembered that nobody is in, and in whose tables this node may have rows left. The
// rows of more stay until somebody of this node comes to the room again, or the store forgets them.
const maxPurges = 10_000

// tidy needs the lock. It drops what of a room is not needed any more. Of one that is only to be purged the name is enough.
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

// purge needs the lock. It has the rows deleted of those who left while the store failed.
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
