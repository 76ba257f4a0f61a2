package hub

// BeginReplacing has the user's oldest connection make room, up to the moment before it is closed.
func (h *Hub) BeginReplacing(user string) {
	h.users.mu.Lock()
	defer h.users.mu.Unlock()
	h.users.conns[user][0].closed = true
}
