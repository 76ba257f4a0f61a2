package presence

// Kept returns how much a Tracker remembers: of rooms, of users in them, and of what is to be written.
func (t *Tracker[C]) Kept() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.purges)
	for _, r := range t.rooms {
		n += 1 + len(r.local) + len(r.pending) + len(r.sweep) + len(r.shown)
	}
	return n
}
