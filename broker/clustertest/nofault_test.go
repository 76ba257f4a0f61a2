package clustertest

import "testing"

// TestHistory has users of all nodes join, leave, move and speak at random while nothing is wrong: everything that is due
// is heard, once and in order, nobody is told of an error, and nothing was counted that should not be.
func TestHistory(t *testing.T) {
	overEngines(t, func(t *testing.T, s *server) {
		c := startClusterHere(t, s, 3)
		load := &load{cluster: c, users: 12, rooms: []string{"red", "green", "blue", "*"}, messages: *messagesFlag}
		load.begin(t).end(t)
		for _, n := range c.nodes {
			if got := n.counters(t); got != (counters{}) {
				t.Errorf("%s: got %+v, want zeros", n.name, got)
			}
			n.wantReady(t, 200)
		}
	})
}
