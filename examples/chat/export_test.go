package main

// What the tests of package main_test need beside the protocol.
var (
	NewApp    = newApp
	NewModule = newModule
)

// Len returns how many people the chat knows.
func (g *Chat) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.people)
}

// Lose closes the database under the running chat.
func (s *Store) Lose() error { return s.db.Close() }
