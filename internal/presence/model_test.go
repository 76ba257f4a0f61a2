package presence_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate/internal/presence"
	"github.com/wsgate/wsgate/wstest"
)

var (
	schedules = flag.Int("schedules", 200, "how many schedules to play")
	first     = flag.Uint64("seed", 0, "the first schedule's seed; the others count from it")
)

// Whatever nodes and links do, everybody who stays is told who is there, a while after the last fault.
func TestSchedules(t *testing.T) {
	members, nodes := 0, 0
	for i := range *schedules {
		seed := *first + uint64(i)
		synctest.Test(t, func(t *testing.T) {
			s := &schedule{random: rand.New(rand.NewPCG(seed, 0)), engine: newEngine(seed)}
			for _, wrong := range s.play() {
				t.Errorf("-seed %d -schedules 1: %s", seed, wrong)
			}
			members += s.conns
			nodes += s.started
		})
		if t.Failed() {
			return // one is enough to look at
		}
	}
	t.Logf("%d schedules with %d members on %d nodes", *schedules, members, nodes)
}

var (
	someRooms = []string{"red", "blue"}
	someUsers = []string{"ann", "bob", "cleo", "dora", "eve", "fay"}
)

const (
	steps = 60
	// healed is when nothing of a fault is left: the tables are read once a minute, and a reading may fail before.
	healed = 2*time.Minute + 10*time.Second
	// settled is when nothing of the last coming and going is left if there were no faults: the grace, or the doubt about
	// what a node said that has left, the time to tell, and what the engine takes.
	settled = 5*time.Second + 250*time.Millisecond + time.Second
)

// schedule is one random run.
type schedule struct {
	random  *rand.Rand
	engine  *engine
	nodes   []*node // that run
	stopped []*node
	conns   int // that there were
	started int // nodes
	peace   bool
}

func (s *schedule) play() (wrong []string) {
	s.peace = s.random.IntN(3) == 0
	s.engine.lossy = !s.peace && s.random.IntN(2) == 0
	for range 3 {
		s.join()
	}
	if s.peace {
		wrong = s.comeAndGo()
	} else {
		wrong = s.fault()
	}
	for _, n := range append(s.nodes, s.stopped...) {
		n.setLink(true, errAway) // and so the stopped ones leave their rows
		n.stop()
		n.Close(context.Background())
		wrong = append(wrong, n.crowd.wrong...)
	}
	return wrong
}

// comeAndGo has members come and go in quick succession, and everybody know of it soon after.
func (s *schedule) comeAndGo() (wrong []string) {
	for i := range steps {
		s.step()
		wstest.Pass(time.Duration(s.random.Int64N(int64(300 * time.Millisecond))))
		if i%5 == 0 {
			wstest.Pass(settled)
			wrong = append(wrong, s.check()...)
		}
	}
	return wrong
}

// fault has nodes and links fail all the time, and everybody know how it is a while after the last time.
func (s *schedule) fault() (wrong []string) {
	for range steps {
		s.step()
		wstest.Pass(time.Duration(s.random.Int64N(int64(4 * time.Second))))
	}
	s.engine.heal()
	for _, n := range s.nodes {
		if cut, _ := n.link(); cut {
			s.mend(n)
		}
	}
	s.bury()
	wstest.Pass(healed)
	return s.check()
}

// step does something at random.
func (s *schedule) step() {
	n := s.nodes[s.random.IntN(len(s.nodes))]
	cut, away := n.link()
	p := s.random.IntN(100)
	if s.peace && p >= 72 {
		p = 97 + p%3 // none of the faults
	}
	switch {
	case p < 45:
		s.enter(n)
	case p < 65:
		s.exit(n)
	case p < 72:
		s.rename(n)
	case cut && away == nil && p < 85:
		n.setLink(true, errAway) // the cut is noticed
	case cut:
		s.mend(n)
	case p < 86:
		n.setLink(true, nil)
	case p < 92 && len(s.nodes) > 2:
		s.crash(n)
	case p < 95 && len(s.nodes) > 2:
		s.leave(n)
	case p < 97:
		s.engine.breakTable(someRooms[s.random.IntN(len(someRooms))], s.random.IntN(2) == 0)
	case len(s.nodes) < 4:
		s.join()
	}
	if s.random.IntN(4) == 0 {
		s.bury()
	}
}

func (s *schedule) join() {
	n := s.engine.start(fmt.Sprint("node", s.started))
	s.started++
	for _, gone := range s.stopped {
		n.setDead(gone.id, true) // it never hears of it
	}
	s.nodes = append(s.nodes, n)
}

func (s *schedule) enter(n *node) {
	id, room, user := s.conns, someRooms[s.random.IntN(len(someRooms))], someUsers[s.random.IntN(len(someUsers))]
	s.conns++
	n.Enter(room, id, user, s.meta(user))
	n.crowd.add(id, room, user)
}

// meta is mostly the same for a user.
func (s *schedule) meta(user string) []byte {
	if s.random.IntN(10) == 0 {
		return fmt.Appendf(nil, `"%s the %060d. & co"`, user, 1)
	}
	return fmt.Appendf(nil, `"%s the %d."`, user, 1+s.random.IntN(8)/7)
}

// pick returns one of the members on a node.
func (s *schedule) pick(n *node) (id int, m member, ok bool) {
	ids := n.crowd.ids()
	if len(ids) == 0 {
		return 0, m, false
	}
	id = ids[s.random.IntN(len(ids))]
	n.crowd.mu.Lock()
	defer n.crowd.mu.Unlock()
	return id, *n.crowd.members[id], true
}

func (s *schedule) exit(n *node) {
	if id, m, ok := s.pick(n); ok {
		n.crowd.remove(id)
		n.Exit(m.room, id, m.user)
	}
}

func (s *schedule) rename(n *node) {
	if id, m, ok := s.pick(n); ok {
		n.Enter(m.room, id, m.user, s.meta(m.user))
	}
}

// crash stops a node as SIGKILL does.
func (s *schedule) crash(n *node) {
	n.setLink(true, nil)
	s.remove(n)
}

// leave stops a node in good order.
func (s *schedule) leave(n *node) {
	if cut, _ := n.link(); cut {
		return
	}
	n.Close(context.Background())
	s.remove(n)
	for _, other := range s.nodes {
		if cut, _ := other.link(); !cut {
			other.setDead(n.id, true)
			other.Dead(n.id)
		}
	}
}

func (s *schedule) remove(n *node) {
	s.nodes = slices.DeleteFunc(s.nodes, func(other *node) bool { return other == n })
	s.stopped = append(s.stopped, n)
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	delete(s.engine.nodes, n.id)
}

// bury has nodes find out which others they do not hear of. One that hears of nobody buries nobody.
func (s *schedule) bury() {
	silent := slices.Clone(s.stopped)
	for _, n := range s.nodes {
		if cut, _ := n.link(); cut {
			silent = append(silent, n)
		}
	}
	for _, n := range s.nodes {
		if cut, _ := n.link(); cut {
			continue
		}
		for _, other := range silent {
			if !n.setDead(other.id, true) {
				n.Dead(other.id)
			}
		}
	}
}

// mend lets a node's messages through again. It hears that it is back; others hear of it when it says that it lives, and
// it then hears that they had forgotten it.
func (s *schedule) mend(n *node) {
	n.setLink(false, nil)
	n.Resync()
	wstest.Pass(time.Duration(s.random.Int64N(int64(3 * time.Second))))
	forgotten := false
	for _, other := range s.nodes {
		forgotten = other.setDead(n.id, false) || forgotten
	}
	for _, gone := range s.stopped { // of those that went meanwhile
		if !n.setDead(gone.id, true) {
			n.Dead(gone.id)
		}
	}
	if forgotten {
		n.Resync()
	}
}

// check compares what is known with what is so.
func (s *schedule) check() (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, room := range someRooms {
		users := map[string]bool{}
		for _, n := range s.nodes {
			maps.Copy(users, n.crowd.users(room))
		}
		want := slices.Sorted(maps.Keys(users))
		var agreed map[string]string
		for _, n := range s.nodes {
			members, silent, err := n.Members(context.Background(), room)
			if err != nil || len(silent) > 0 {
				complain("%s: Members of %s: %v, silent %v", n.id, room, err, silent)
			}
			got := map[string]string{}
			for user, meta := range members {
				got[user] = string(meta)
			}
			if agreed == nil {
				agreed = got
			}
			if !slices.Equal(slices.Sorted(maps.Keys(got)), want) || !maps.Equal(got, agreed) {
				complain("%s: in %s are %v, want %v, with the same metadata everywhere: %v", n.id, room, got, want, agreed)
			}
			for _, why := range n.crowd.unlike(room, agreed) {
				complain("%s: %s", n.id, why)
			}
		}
	}
	return wrong
}

// unlike lists the members of a room who were told something else.
func (c *crowd) unlike(room string, want map[string]string) (wrong []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, m := range c.members {
		if m.room != room {
			continue
		}
		switch {
		case !m.greeted:
			wrong = append(wrong, fmt.Sprintf("member %d was told nothing", id))
		case m.count != len(want), m.knows == nil && surelyTold(want), m.knows != nil && !maps.Equal(m.knows, want):
			wrong = append(wrong, fmt.Sprintf("member %d knows %d, %v, want %v", id, m.count, m.knows, want))
		}
	}
	return wrong
}

// surelyTold reports whether users are so few and small that members hear of each, whatever they have heard before.
func surelyTold(users map[string]string) bool {
	here := map[string][]byte{}
	for user, meta := range users {
		here[user] = []byte(meta)
	}
	return len(users) <= most-most/10 && told(presence.Change[int]{Here: here}) <= mostBytes*8/10
}
