package presence_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/wsgate/wsgate/internal/presence"
)

// crowd is the members on one node, and what they know of each other.
type crowd struct {
	mu      sync.Mutex // guards following
	members map[int]*member
	wrong   []string
}

type member struct {
	room, user string
	knows      map[string]string // metadata by user; nil if it is told numbers only
	count      int
	greeted    bool // it was told who is there
}

func (c *crowd) complain(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

func (c *crowd) add(id int, room, user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.members == nil {
		c.members = map[int]*member{}
	}
	c.members[id] = &member{room: room, user: user}
}

func (c *crowd) remove(id int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.members, id)
}

// ids returns the members in order.
func (c *crowd) ids() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.members))
}

// users returns who is in a room on this node.
func (c *crowd) users(room string) map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	users := map[string]bool{}
	for _, m := range c.members {
		if m.room == room {
			users[m.user] = true
		}
	}
	return users
}

// tell is what the App does with a change, and a client.
func (c *crowd) tell(change presence.Change[int]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, m := range c.members {
		_, left := change.But[id]
		if m.room != change.Room || left || change.Only != nil && !slices.Contains(change.Only, id) {
			continue
		}
		if !m.greeted && change.Only == nil {
			c.wrong = append(c.wrong, fmt.Sprintf("member %d (%s in %s) hears changes before it was told who is there", id, m.user, m.room))
		}
		m.greeted = true
		if err := m.hear(change); err != nil {
			c.wrong = append(c.wrong, fmt.Sprintf("member %d (%s in %s): %v", id, m.user, m.room, err))
		}
	}
}

// hear applies a change to what a member knows.
func (m *member) hear(change presence.Change[int]) error {
	m.count = change.Count
	if size := told(change); size > mostBytes || change.Count > most && size > 0 {
		return fmt.Errorf("hears names in %d bytes though they are %d", size, change.Count)
	}
	switch {
	case len(change.Here)+len(change.Gone) == 0:
		m.knows = nil
		return nil
	case change.All:
		m.knows = map[string]string{}
	case m.knows == nil:
		return fmt.Errorf("hears a change of what it was not told")
	}
	for _, user := range change.Gone {
		if _, known := m.knows[user]; !known {
			return fmt.Errorf("hears that %s is gone, who was not there", user)
		}
		delete(m.knows, user)
	}
	for user, meta := range change.Here {
		if was, known := m.knows[user]; known && was == string(meta) {
			return fmt.Errorf("hears again that %s is there with %s", user, meta)
		}
		m.knows[user] = string(meta)
	}
	if len(m.knows) != change.Count {
		return fmt.Errorf("knows %d users and hears that they are %d", len(m.knows), change.Count)
	}
	return nil
}

// told returns how large the JSON is that tells of a change, the braces and brackets left out.
func told(change presence.Change[int]) (size int) {
	entry := func(v any) {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		size += len(text) - len("{}")
	}
	for user, meta := range change.Here {
		entry(map[string]json.RawMessage{user: meta})
	}
	for _, user := range change.Gone {
		entry([]string{user})
	}
	return size
}
