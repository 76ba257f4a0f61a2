package abuse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// The time in which the other nodes notice that a node is dead, and in which it notices itself that it hears nobody.
const (
	deadWithin = 12 * time.Second
	muteWithin = 13 * time.Second
)

// Row 81: a node whose link swallows everything, or one direction, finds out by itself, and says so. Its clients reach
// each other, and the rest of the cluster goes on.
func swallowingLink(t *testing.T) {
	for name, f := range map[string]*faults{
		"both directions": nil,
		"what it says":    {publish: func(string, []byte) error { return errSwallowed }},
		"what it hears":   {deliver: func(string, []byte, func([]byte)) {}},
	} {
		inFakeTime(t, func(t *testing.T) {
			all := startNodes(t, newEngine(t), 3, func(n *node, _ *wsgate.Options) { n.loud = true })
			n := all[0]
			here, too, there, farther := n.connect("", "lobby"), n.connect("", "lobby"), all[1].connect("", "lobby"), all[2].connect("", "lobby")
			ann, bob := n.connect("ann", "club"), all[1].connect("bob", "club")
			wstest.Pass(10 * time.Second)
			hear(ann)
			hear(bob)
			n.told()

			if f == nil {
				n.link.cut()
			} else {
				n.link.fail(*f)
			}
			took := until(t, muteWithin, name+": a node notices that nothing goes through", func() bool { return errors.Is(n.Ready(), wsgate.ErrBroker) })
			if took < deadWithin/2 {
				t.Errorf("%s: it took only %v", name, took)
			}
			wstest.Pass(deadWithin)
			if told := n.told(); len(told) != 1 || told[0] == nil {
				t.Errorf("%s: the node was told %v, want one error", name, told)
			}
			hears(t, ann) // whom it cannot hear it does not take for dead
			unavailable(t, 0, func() error { return wstest.TryDo(here, tell, line{"lobby", "here"}) })
			hears(t, here, "here")
			hears(t, too, "here")
			wstest.Do(there, tell, line{"lobby", "there"})
			hears(t, farther, append(heardOf(f), "there")...)
			for i, other := range all[1:] {
				if err := other.Ready(); err != nil || len(other.told()) != 1 {
					t.Errorf("%s: node %d, which can be reached: %v", name, i+1, err)
				}
			}
			saysNothing := f == nil || f.publish != nil
			if saysNothing {
				hears(t, bob, "-ann =1")
			} else {
				hears(t, bob)
			}

			n.link.fail(faults{})
			until(t, 5*time.Second, name+": it is ready again", func() bool { return n.Ready() == nil })
			wstest.Pass(5 * time.Second)
			if told := n.told(); len(told) != 1 || told[0] != nil {
				t.Errorf("%s: the node was told %v, want nil", name, told)
			}
			if saysNothing {
				hears(t, bob, "+ann:ANN =2")
			} else {
				hears(t, bob)
			}
			hears(t, ann)
			present(t, "club", "ann bob", all...)
			hear(here)
			hear(there)
			for _, c := range []*wstest.Client{here, there} {
				wstest.Do(c, tell, line{"lobby", "again"})
			}
			hears(t, here, "again", "again")
			hears(t, there, "again", "again")
		})
	}
}

// heardOf is what others hear of a node that does not know what becomes of what it says.
func heardOf(f *faults) []string {
	if f == nil || f.publish != nil {
		return nil
	}
	return []string{"here"}
}

// Row 74: a node that vanishes without a word is missed after 10 to 12 s. The others go on meanwhile, its users are gone
// unless they have come back elsewhere, and nothing of it is left in the engine.
func vanishedNode(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		engine := newEngine(t)
		all := startNodes(t, engine, 3, func(n *node, _ *wsgate.Options) { n.loud = true })
		ann, cleo := all[0].connect("ann", "club"), all[2].connect("cleo", "club")
		all[1].connect("bob", "club", "attic")
		all[1].connect("carl", "club", "attic")
		wstest.Pass(10 * time.Second)
		hear(ann)
		hear(cleo)

		all[1].link.cut()
		begun := time.Now()
		wstest.Pass(2 * time.Second)
		back := all[0].connect("bob", "club")
		wstest.Pass(time.Second)
		hears(t, back, "all +ann:ANN +bob:BOB +carl:CARL +cleo:CLEO =4")
		var heard []string
		until(t, deadWithin, "the death of a node", func() bool {
			wstest.Do(ann, tell, line{"club", "."})
			wstest.Do(cleo, tell, line{"club", "."})
			heard = slices.DeleteFunc(hear(ann), func(text string) bool { return text == "." })
			return len(heard) > 0
		})
		if took := time.Since(begun); took < 7*time.Second || took > deadWithin {
			t.Errorf("it took %v", took)
		}
		if !slices.Equal(heard, []string{"-carl =3"}) {
			t.Errorf("ann heard %q, want carl's end and nothing of bob, who is back", heard)
		}
		wstest.Pass(3 * time.Second)
		if got := slices.DeleteFunc(hear(cleo), func(text string) bool { return text == "." }); !slices.Equal(got, []string{"-carl =3"}) {
			t.Errorf("cleo heard %q, want carl's end", got)
		}
		present(t, "club", "ann bob cleo", all[0], all[2])
		present(t, "attic", "", all[0], all[2])
		wstest.Pass(time.Second)
		if got := engine.rowsOf(t, all[1], "club"); got != 0 { // of a room that nobody else is in, the Store forgets them
			t.Errorf("%d rows of the node are left", got)
		}

		next := startNodes(t, engine, 1, nil)[0] // in its place
		dan := next.connect("dan", "club")
		wstest.Pass(time.Second)
		hears(t, dan, "all +ann:ANN +bob:BOB +cleo:CLEO +dan:DAN =4")
		hears(t, ann, "+dan:DAN =4")
		all[1].link.fail(faults{}) // so that the test can end it
		wstest.Pass(5 * time.Second)
	})
}

// rowsOf returns how many rows a node has for a tracked room with a plain word for a name.
func (e *engine) rowsOf(t *testing.T, n *node, room string) (count int) {
	t.Helper()
	rows, err := e.Rows(t.Context(), "presence.=2Fattacked."+room)
	if err != nil {
		t.Error(err)
	}
	for row := range rows {
		if strings.HasPrefix(row, n.link.node()+".") {
			count++
		}
	}
	return count
}

// beaten waits until the node has just said that it lives.
func (n *node) beaten(t *testing.T) {
	t.Helper()
	before := n.link.beats.Load()
	until(t, 4*time.Second, "a beat", func() bool { return n.link.beats.Load() > before })
}

// standStill has a node do nothing between its clients and the engine, like one whose process is stopped: what comes for
// it waits until goOn. Its loop stands still in the answer to a stranger.
func (n *node) standStill(t *testing.T) (goOn func()) {
	var mu sync.Mutex
	var waiting []func()
	going, resumed := make(chan struct{}), false
	n.link.fail(faults{
		publish: func(topic string, _ []byte) error {
			select {
			case <-going:
			default:
				if !strings.HasPrefix(topic, "node") {
					t.Errorf("a node that is stopped publishes to %s", topic)
				}
				<-going
			}
			return nil
		},
		deliver: func(_ string, m []byte, take func([]byte)) {
			mu.Lock()
			defer mu.Unlock()
			if resumed {
				take(m)
				return
			}
			m = bytes.Clone(m)
			waiting = append(waiting, func() { take(m) })
		},
		store: func(context.Context) error { <-going; return nil },
	})
	n.link.hand(allNodes, message(ofHello, fmt.Sprint("stranger at ", time.Now().UnixMilli()), 1))
	wstest.Pass(0)
	return func() {
		close(going)
		mu.Lock()
		defer mu.Unlock()
		for _, take := range waiting {
			take()
		}
		resumed = true
	}
}

// Row 75: a node that stands still for half a minute was given up, and is back when it goes on. Those of its users who
// have come back elsewhere are there once; what was sent meanwhile arrives late, once and in order.
func stoppedNode(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		engine := newEngine(t)
		all := startNodes(t, engine, 3, nil)
		ann, listener, away := all[0].connect("ann", "club"), all[1].connect("", "lobby"), all[1].connect("bob", "club")
		all[1].connect("carl", "club")
		wstest.Pass(10 * time.Second)
		hear(ann)

		goOn := all[1].standStill(t)
		var want []string
		for i := range 5 {
			want = append(want, fmt.Sprint("meanwhile ", i))
			if err := said.Emit(all[0].room("lobby"), want[i]); err != nil {
				t.Error(err)
			}
			wstest.Pass(3 * time.Second)
		}
		hears(t, ann, "-bob -carl =1")
		back := all[0].connect("bob", "club")
		wstest.Pass(time.Second)
		hears(t, ann, "+bob:BOB =2")
		hears(t, back, "all +ann:ANN +bob:BOB =2")
		if err := said.Emit(all[0].room("club"), "to bob"); err != nil {
			t.Error(err)
		}
		wstest.Pass(14 * time.Second)
		hears(t, listener)

		away.Reset() // which the node sees as it goes on
		goOn()
		wstest.Pass(30 * time.Second)
		hears(t, listener, want...)
		hears(t, ann, "to bob", "+carl:CARL =3")
		hears(t, back, "to bob", "+carl:CARL =3")
		present(t, "club", "ann bob carl", all...)
		if got := []int{engine.rowsOf(t, all[0], "club"), engine.rowsOf(t, all[1], "club")}; !slices.Equal(got, []int{2, 1}) {
			t.Errorf("the nodes have %v rows, want those of ann and bob, and that of carl", got)
		}
		for i, n := range all {
			if ignored, err := kit.Ignored(n), n.Ready(); ignored != 0 || err != nil {
				t.Errorf("node %d ignored %d messages: %v", i, ignored, err)
			}
		}
	})
}

// Row 75: a node that stands still for a short time is not missed, and misses nobody.
func brieflyStoppedNode(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		all := startNodes(t, newEngine(t), 3, nil)
		var clients []*wstest.Client
		for i, n := range all {
			clients = append(clients, n.connect(fmt.Sprint("user", i), "club"))
		}
		wstest.Pass(10 * time.Second)
		for _, c := range clients {
			hear(c)
		}
		for range 4 { // what it does first when it goes on is a matter of luck
			all[1].beaten(t)
			goOn := all[1].standStill(t)
			wstest.Pass(8500 * time.Millisecond) // more than ten seconds after the last beat of another
			goOn()
			all[1].link.fail(faults{})
			wstest.Pass(10 * time.Second)
		}
		for _, c := range clients {
			hears(t, c)
		}
		present(t, "club", "user0 user1 user2", all...)
	})
}

// Row 86: Disconnect is the same to clients on every node, whatever the code and the reason.
func disconnectsAlike(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		all := startNodes(t, newEngine(t), 2, nil)
		for _, code := range []websocket.StatusCode{1000, 1001, 1005, 1006, 1008, 1015, 3000, 4000, 4999, 5000, 65535, 70000, 0, -1} {
			for name, reason := range map[string]string{"none": "", "long": strings.Repeat("ä", 40_000), "not UTF-8": "a\xff\r\n"} {
				clients := []*websocket.Conn{all[0].dial(t, "ann"), all[1].dial(t, "ann")}
				if err := all[0].Hub().User("ann").Disconnect(t.Context(), code, reason); err != nil {
					t.Errorf("code %d, reason %s: %v", code, name, err)
				}
				var closes [2]websocket.CloseError
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				for i, c := range clients {
					if _, _, err := c.Read(ctx); !errors.As(err, &closes[i]) {
						t.Errorf("code %d, reason %s: node %d: %v", code, name, i, err)
					}
				}
				if closes[0] != closes[1] {
					t.Errorf("code %d, reason %s: %v, but %v on the other node", code, name, closes[0], closes[1])
				}
			}
		}
		for i, n := range all {
			if n := kit.Ignored(n); n != 0 {
				t.Errorf("node %d ignored %d messages", i, n)
			}
		}
	})
}

// Row 86: a question to all nodes, of which one does not answer, ends in a time that is known, and names it. The others have
// done what was asked.
func silentNode(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		all := startNodes(t, newEngine(t), 3, func(n *node, _ *wsgate.Options) { n.loud = true })
		silent := all[2].link.node()
		names := func(err error) {
			t.Helper()
			if !errors.Is(err, wsgate.ErrNoResponse) || !strings.Contains(err.Error(), silent) || strings.Contains(err.Error(), all[1].link.node()) {
				t.Errorf("got %v, want ErrNoResponse and %s", err, silent)
			}
		}
		all[0].connect("ann", "club")
		all[2].connect("dan", "club")
		all[2].beaten(t)
		all[2].link.cut()

		for i, limit := range []time.Duration{time.Minute, time.Second} {
			user := fmt.Sprint("user", i)
			var clients []*wstest.Client
			for _, n := range all {
				clients = append(clients, n.connect(user))
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			most := min(limit, 5*time.Second)
			begun := time.Now()
			var asking sync.WaitGroup
			for range 100 {
				asking.Go(func() { names(all[0].Hub().User(user).Disconnect(ctx, 4000, "enough")) })
			}
			asking.Wait()
			if took := time.Since(begun); took != most {
				t.Errorf("it took %v, want %v", took, most)
			}
			wstest.ExpectClose(clients[0], 4000)
			wstest.ExpectClose(clients[1], 4000)
			wstest.Quiet(clients[2])
		}
		wstest.Pass(2 * time.Second)
		for i, n := range all[:2] { // with members, and without
			begun := time.Now()
			got, err := n.members(t.Context(), "club")
			names(err)
			count, err := wsgate.Count(t.Context(), n.room("club"))
			names(err)
			if took := time.Since(begun); got != "ann dan" || count != 2 || took > 0 {
				t.Errorf("node %d: there are %q, %d, after %v; want ann and dan at once", i, got, count, took)
			}
		}
		wstest.Pass(deadWithin)
		begun := time.Now()
		if err := all[0].Hub().User("nobody").Disconnect(t.Context(), 4000, ""); err != nil || time.Since(begun) > 0 {
			t.Errorf("with the node dead: %v after %v", err, time.Since(begun))
		}
		present(t, "club", "ann", all[:2]...)
		all[2].link.fail(faults{})
		wstest.Pass(10 * time.Second)
		present(t, "club", "ann dan", all...)
	})
}
