package clustertest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load is a random schedule: users who join rooms and leave them, say lines, and move from node to node.
type load struct {
	*cluster
	users    int
	rooms    []string
	messages int           // that each user says, 0 for as long as the load lasts
	pause    time.Duration // of a user between two steps
	rough    bool          // there are faults, so that joins may fail and connections end

	walkers []*walker
	lost    sync.Map // nodes to which nobody shall connect any more
	ending  chan struct{}
	running sync.WaitGroup
	failing atomic.Bool

	lines  atomic.Int64  // to be said until warm is closed
	warm   chan struct{} // closed after a random time
	warmed sync.Once
}

// impatience is how long a walker waits for an answer when there are faults.
const impatience = 5 * time.Second

// walker is a user of the schedule.
type walker struct {
	*guest
	load   *load
	random *rand.Rand
	said   int
}

// begin starts the users.
func (l *load) begin(t testing.TB) *load {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", seed)
	l.ending, l.warm = make(chan struct{}), make(chan struct{})
	l.lines.Store(rand.New(rand.NewPCG(seed, math.MaxUint64)).Int64N(mostBefore))
	for i := range l.users {
		w := &walker{newGuest(l.history, fmt.Sprint("walker", i)), l, rand.New(rand.NewPCG(seed, uint64(i))), 0}
		l.walkers = append(l.walkers, w)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		l.failing.Store(true) // nobody minds any more
		cancel()
		l.running.Wait()
		for _, w := range l.walkers {
			w.breakOff()
		}
	})
	l.each(ctx, t, &l.running, (*walker).walk)
	return l
}

// mostBefore is how many lines may be said before a fault begins: those of a few seconds, so that it begins anywhere between
// two signs of life of a node.
const mostBefore = 1500

// warmUp waits for a random time.
func (l *load) warmUp(t testing.TB) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-l.warm:
	case <-late.C:
		t.Fatal("the load has come to rest")
	}
}

// each calls f for every walker at the same time. running waits for all. Only the first error is reported: others may
// follow from it.
func (l *load) each(ctx context.Context, t testing.TB, running *sync.WaitGroup, f func(*walker, context.Context) error) {
	for _, w := range l.walkers {
		running.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, l.atMost())
			defer cancel()
			if l.failing.Load() {
				return
			}
			if err := f(w, ctx); err != nil && !l.failing.Swap(true) {
				t.Errorf("%s: %v", w.user, err)
			}
		})
	}
}

// atMost is more than the time that a load takes.
func (l *load) atMost() time.Duration {
	return 2*time.Minute + *awayFlag + time.Duration(l.messages)*50*time.Millisecond
}

// end has everybody come to rest, waits for what is due, and checks the history, and that everybody knows who is there.
func (l *load) end(t testing.TB) {
	t.Helper()
	if l.messages == 0 {
		close(l.ending)
	}
	l.running.Wait()
	for _, rest := range []func(*walker, context.Context) error{(*walker).comeBack, (*walker).sayLast, (*walker).await, (*walker).look} {
		var running sync.WaitGroup
		l.each(context.Background(), t, &running, rest)
		running.Wait()
	}
	if !l.failing.Load() {
		for _, n := range l.living() {
			for _, room := range l.rooms {
				n.wantMembers(t, room, l.members(room))
			}
		}
	}
	l.account(t)
}

// account checks the history, and logs what the nodes have counted.
func (c *cluster) account(t testing.TB) {
	t.Helper()
	for _, n := range c.nodes {
		if n.process != nil && n.process.cmd == nil {
			continue // it was killed
		}
		got := n.counters(t)
		t.Logf("%s: %+v", n.name, got)
		if got.Slow > 0 {
			t.Errorf("%s: got %d slow clients, want none", n.name, got.Slow)
		}
	}
	v := c.history.check()
	for _, wrong := range v.wrong {
		t.Error(wrong)
	}
	if v.due == 0 {
		t.Error("nothing had to be heard")
	}
	t.Log(v)
}

// members returns who is in a room, when everybody has come to rest.
func (l *load) members(room string) (users []string) {
	for _, w := range l.walkers {
		if w.stays[room] != nil {
			users = append(users, w.user)
		}
	}
	return users
}

// living returns the nodes to which users may connect.
func (l *load) living() []*node {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.nodes), func(n *node) bool {
		_, lost := l.lost.Load(n)
		return lost
	})
}

// walk does one step after another.
func (w *walker) walk(ctx context.Context) error {
	pace := time.NewTicker(max(w.load.pause, time.Nanosecond))
	defer pace.Stop()
	for w.load.messages == 0 || w.said < w.load.messages {
		if w.load.pause > 0 {
			<-pace.C
		}
		select {
		case <-w.load.ending:
			return nil
		default:
		}
		begin := w.history.now()
		err := w.tryStep(ctx)
		switch {
		case err == nil:
		case !w.load.rough || ctx.Err() != nil:
			return err
		default:
			w.history.failed(w.node.name, begin, err)
			if !isRefusal(err) {
				w.breakOff()
			}
		}
	}
	return nil
}

// tryStep takes a step. When there are faults it waits for a while only: then the walker is better off elsewhere.
func (w *walker) tryStep(ctx context.Context) error {
	if w.load.rough {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, impatience)
		defer cancel()
	}
	return w.step(ctx)
}

// step is the next thing that the walker does.
func (w *walker) step(ctx context.Context) error {
	if w.client == nil {
		return w.connectSomewhere(ctx)
	}
	room := w.load.rooms[w.random.IntN(len(w.load.rooms))]
	switch chance := w.random.IntN(100); {
	case chance < 80:
		count := 1 + w.random.IntN(4)
		w.said += count
		if w.load.lines.Add(int64(-count)) <= 0 {
			w.load.warmed.Do(func() { close(w.load.warm) })
		}
		_, err := w.say(ctx, room, count)
		return err
	case chance < 95 && w.stays[room] == nil:
		return w.join(ctx, room)
	case chance < 95:
		if err := w.awaitBefore(ctx, room); err != nil {
			return err
		}
		return w.leave(ctx, room)
	default:
		if err := w.awaitBefore(ctx, w.rooms()...); err != nil {
			return err
		}
		return w.disconnect()
	}
}

func (w *walker) connectSomewhere(ctx context.Context) error {
	living := w.load.living()
	return w.connect(ctx, living[w.random.IntN(len(living))])
}

// awaitBefore waits for what is due in rooms before the walker leaves them, unless there are faults.
func (w *walker) awaitBefore(ctx context.Context, rooms ...string) error {
	if w.load.rough || len(rooms) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return w.settle(ctx, rooms...)
}

// comeBack sees to it that there is a connection.
func (w *walker) comeBack(ctx context.Context) error {
	if w.client != nil && w.client.over() != nil {
		w.breakOff()
	}
	if w.client != nil {
		return nil
	}
	return w.connectSomewhere(ctx)
}

// sayLast says a line in every room, behind which nothing is missing.
func (w *walker) sayLast(ctx context.Context) error {
	for _, room := range w.load.rooms {
		if _, err := w.say(ctx, room, 1); err != nil {
			return err
		}
	}
	return nil
}

// await waits for what is due.
func (w *walker) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return w.settle(ctx)
}

// look waits until the walker sees exactly those who are in its rooms.
func (w *walker) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, room := range w.rooms() {
		if err := w.client.sees(ctx, room, w.load.members(room)); err != nil {
			return err
		}
	}
	return nil
}
