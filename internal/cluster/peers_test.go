package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/fair"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// wantPeers fails the test unless exactly these nodes live.
func wantPeers(t *testing.T, n *member, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := n.Peers(); !slices.Equal(got, want) {
		t.Errorf("got the peers %q, want %q", got, want)
	}
}

func TestNodesKnowEachOther(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		var nodes []*member
		for range 4 {
			nodes = append(nodes, start(t, engine))
			wstest.Pass(0)
			for i, n := range nodes {
				var others []string
				for j, other := range nodes {
					if i != j {
						others = append(others, other.ID())
					}
				}
				wantPeers(t, n, others...)
			}
		}
		wstest.Pass(time.Hour) // and do not forget each other
		for _, n := range nodes[:3] {
			n.happened.WantNext(t, "state <nil>")
			if got := n.Silent(); len(got) > 0 {
				t.Errorf("got %q silent, want none", got)
			}
		}
		last := nodes[3]
		last.leave()
		wstest.Pass(0)
		wantPeers(t, nodes[0], nodes[1].ID(), nodes[2].ID())
		for _, n := range nodes[:3] {
			n.happened.WantNext(t, "dead "+last.ID())
			if n.Alive(last.ID()) {
				t.Error("a node that has left is taken for alive")
			}
			if got := ignored(n); got != 0 {
				t.Errorf("got %d ignored messages, want none", got)
			}
		}
	})
}

// A node that says nothing any more is taken for dead after 10 to 11 s, at whatever moment it falls silent.
func TestSilentNodeIsDead(t *testing.T) {
	for _, moment := range []time.Duration{0, 1, time.Millisecond, 500 * time.Millisecond, time.Second - 1, 7*time.Second + 300*time.Millisecond} {
		kit.Bubble(t, moment.String(), func(t *testing.T) {
			engine := new(local.Broker)
			n, witness := start(t, engine), start(t, engine)
			var said kit.Journal
			end, err := engine.Subscribe(t.Context(), "nodes", func(text []byte) {
				if text[1] == kit.NodeBuried {
					said.Add("%s", text[len(text)-len("victim"):])
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			defer end()
			wstest.Pass(moment)
			victim := kit.NewForgedNode(t, engine, "victim")
			victim.Publish("nodes", kit.NodeBeat, "")
			wstest.Pass(7 * time.Second)
			if got := n.Silent(); len(got) > 0 {
				t.Errorf("got %q silent after 7s, want none", got)
			}
			wstest.Pass(1)
			if got := n.Silent(); !slices.Equal(got, []string{"victim"}) {
				t.Errorf("got %q silent after more than 7s, want the victim", got)
			}
			wstest.Pass(3*time.Second - 2)
			wantPeers(t, n, "victim", witness.ID())
			if !n.Alive("victim") {
				t.Error("taken for dead before 10s")
			}
			said.WantNext(t)
			wstest.Pass(time.Second + 1)
			wantPeers(t, n, witness.ID())
			if n.Alive("victim") {
				t.Error("not taken for dead after 11s")
			}
			n.happened.WantNext(t, "state <nil>", "dead victim")
			said.WantNext(t, "victim", "victim") // by both
			wstest.Pass(time.Hour)
			n.happened.WantNext(t) // nobody dies twice
			victim.Publish("nodes", kit.NodeBeat, "")
			wstest.Pass(0)
			if !n.Alive("victim") {
				t.Error("heard, and still taken for dead")
			}
			wantPeers(t, n, "victim", witness.ID())
		})
	}
}

// A node that hangs is buried, hears of it when it goes on, lives again for the others, and takes none of them for dead.
func TestHangingNode(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		n, other := start(t, engine), start(t, engine)
		wstest.Pass(0)
		goOn := make(chan struct{})
		n.asked = func([]byte) { <-goOn }
		asker := kit.NewForgedNode(t, engine, "asker")
		asker.Publish("nodes", kit.NodeAsk, "\x01hang")
		asker.Publish("nodes", kit.NodeBye, "")
		wstest.Pass(12 * time.Second)
		other.happened.WantNext(t, "state <nil>", "asked hang", "dead asker", "dead "+n.ID())
		close(goOn)
		wstest.Pass(4 * time.Second)
		wantPeers(t, n, other.ID())
		wantPeers(t, other, n.ID())
		// That it was stopped it also sees by itself, in case nobody could tell it.
		n.happened.WantNextInAnyOrder(t, "state <nil>", "asked hang", "dead asker", "revived", "revived")
		wstest.Pass(time.Hour)
		n.happened.WantNext(t)
		other.happened.WantNext(t)
	})
}

// Only the node that is named comes back from the dead.
func TestBuried(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		n, other := start(t, engine), start(t, engine)
		wstest.Pass(0)
		stranger := kit.NewForgedNode(t, engine, "stranger")
		for _, name := range []string{n.ID(), "", "somebody", n.ID() + "x", n.ID()[1:], strings.Repeat("x", 1<<20), "\xff"} {
			stranger.Publish("nodes", kit.NodeBuried, name)
		}
		wstest.Pass(0)
		n.happened.WantNext(t, "state <nil>", "revived")
		other.happened.WantNext(t, "state <nil>")
	})
}

var errAway = errors.New("gone fishing")

// Nobody can be heard while the engine is away: that is nobody's death.
func TestEngineAway(t *testing.T) {
	for _, moment := range []time.Duration{300 * time.Millisecond, time.Second, 2700 * time.Millisecond} {
		kit.Bubble(t, moment.String(), func(t *testing.T) {
			engine := new(local.Broker)
			n, other := start(t, engine), start(t, engine)
			victim := kit.NewForgedNode(t, engine, "victim")
			victim.Publish("nodes", kit.NodeHello, "")
			wstest.Pass(moment)
			engine.SetAway(errAway)
			if got := n.Away(); got != errAway {
				t.Errorf("got %v, want %v", got, errAway)
			}
			wstest.Pass(5*time.Minute + 500*time.Millisecond - moment)
			n.happened.WantNext(t, "state <nil>", "state gone fishing")
			wantPeers(t, n, "victim", other.ID())
			if got := n.Silent(); !slices.Equal(got, n.Peers()) {
				t.Errorf("got %q silent, want all", got)
			}
			engine.SetAway(nil)
			wstest.Pass(10*time.Second - 1)
			n.happened.WantNext(t, "state <nil>")
			wantPeers(t, n, "victim", other.ID())
			wstest.Pass(time.Second + 1)
			n.happened.WantNext(t, "dead victim")
			other.happened.WantNext(t, "state <nil>", "state gone fishing", "state <nil>", "dead victim")
			wantPeers(t, n, other.ID())
		})
	}
	kit.Bubble(t, "now and then", func(t *testing.T) {
		engine := new(local.Broker)
		n, other := start(t, engine), start(t, engine)
		wstest.Pass(time.Second / 2)
		for range 100 { // most hellos and beats get lost
			engine.SetAway(errAway)
			wstest.Pass(6 * time.Second)
			engine.SetAway(nil)
			wstest.Pass(time.Second / 4)
		}
		for _, line := range append(n.happened.Take(), other.happened.Take()...) {
			if strings.HasPrefix(line, "dead") || line == "revived" {
				t.Errorf("got %q, want nobody's death", line)
			}
		}
	})
}

// A node that was not heard of, but of whom somebody knows, has the time to be heard.
func TestNeverHeard(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		n := start(t, new(local.Broker))
		for range 10 {
			if !n.Alive("unknown") {
				t.Error("got dead, want alive for now")
			}
			wstest.Pass(0)
		}
		wstest.Pass(11 * time.Second)
		n.happened.WantNext(t, "state <nil>", "dead unknown")
		for range 10 {
			if n.Alive("unknown") {
				t.Error("got alive, want dead")
			}
		}
		for _, id := range []string{"", strings.Repeat("n", 129)} { // as they may stand in a table
			if n.Alive(id) || len(n.Peers()) > 0 {
				t.Errorf("%d bytes that are no id: alive, or one of %q", len(id), n.Peers())
			}
		}
		if !n.Alive(n.ID()) {
			t.Error("got dead, want to be alive oneself")
		}
		wantPeers(t, n)
	})
}

// Forged nodes come and go; the neighbors stay.
func TestManyForgedNodes(t *testing.T) {
	for _, kind := range []byte{kit.NodeBeat, kit.NodeHello, kit.NodeBye, kit.NodeAsk} {
		kit.Bubble(t, fmt.Sprint("kind ", kind), func(t *testing.T) {
			engine := new(local.Broker)
			n, other := start(t, engine), start(t, engine)
			wstest.Pass(0)
			for round := range 20 {
				for i := range 1000 {
					stranger := kit.NewForgedNode(t, engine, fmt.Sprint("stranger", round, ".", i))
					stranger.Publish("nodes", kind, "\x01")
					if i%500 == 0 {
						wstest.Pass(0) // else the inbox would be full
					}
				}
				wstest.Pass(time.Second)
			}
			if got := len(n.Peers()); got > 5000 {
				t.Errorf("got %d peers, want a limit", got)
			}
			if !slices.Contains(n.Peers(), other.ID()) {
				t.Error("the neighbor is not known any more")
			}
			wstest.Pass(11 * time.Second)
			wantPeers(t, n, other.ID())
			if !n.Alive(other.ID()) || ignored(n) != 0 {
				t.Errorf("the neighbor lives: %v; %d messages ignored, want none", n.Alive(other.ID()), ignored(n))
			}
		})
	}
}

// What no node says on the topic of nodes is counted, and the loop goes on.
func TestGarbageBetweenNodes(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		n := start(t, engine)
		wstest.Pass(0)
		stranger := kit.NewForgedNode(t, engine, "stranger")
		bad := 0
		for kind := range 256 {
			switch kind {
			case kit.NodeBeat, kit.NodeHello, kit.NodeBye, kit.NodeBuried, kit.NodeAnswer: // need no body
				continue
			}
			for _, topic := range []string{"nodes", "node." + n.ID()} {
				stranger.Publish(topic, byte(kind), "")
				bad++
			}
			wstest.Pass(0)
		}
		for _, body := range []string{"", "\x80", strings.Repeat("\xff", 11)} { // an ask without its number
			stranger.Publish("nodes", kit.NodeAsk, body)
			bad++
		}
		wstest.Pass(0)
		if got := ignored(n); got != uint64(bad) {
			t.Errorf("got %d ignored messages, want %d", got, bad)
		}
		for _, body := range []string{"", "\x01", "\x80", strings.Repeat("\xff", 11)} { // answers that nobody waits for
			stranger.Publish("node."+n.ID(), kit.NodeAnswer, body)
			stranger.Publish("nodes", kit.NodeAnswer, body)
		}
		wstest.Pass(0)
		n.happened.WantNext(t, "state <nil>")
		wantPeers(t, n, "stranger")
	})
}

// More than the loop can take is dropped and counted, and nobody waits for it. It is a node's own that is dropped: the others
// are heard.
func TestInboxIsFull(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		n := start(t, engine)
		wstest.Pass(0)
		goOn := make(chan struct{})
		n.asked = func([]byte) { <-goOn }
		stranger := kit.NewForgedNode(t, engine, "stranger")
		stranger.Publish("nodes", kit.NodeAsk, "\x01")
		wstest.Pass(0)
		const inbox, more = 8 << 20 / (fair.Overhead + len("stranger")), 100
		for range inbox + more {
			stranger.Publish("nodes", kit.NodeHello, "")
		}
		if got := ignored(n); got != more {
			t.Errorf("got %d ignored messages, want %d", got, more)
		}
		neighbor := kit.NewForgedNode(t, engine, "neighbor")
		neighbor.Publish("nodes", kit.NodeHello, "")
		neighbor.Publish("nodes", kit.NodeAsk, "\x02what?")
		if got := ignored(n); got != more+2 {
			t.Errorf("got %d ignored messages, want %d: those that made room", got, more+2)
		}
		n.happened.Take()
		close(goOn)
		wstest.Pass(0)
		n.happened.WantNext(t, "asked what?")
		wantPeers(t, n, "stranger", "neighbor")
	})
}

func TestStart(t *testing.T) {
	nothing := cluster.Events{State: func(error) {}, Dead: func(string) {}, Revived: func() {}, OnRequest: func([]byte) (bool, bool) { return false, true }}
	kit.Bubble(t, "waits for the engine", func(t *testing.T) {
		engine := new(local.Broker)
		engine.SetAway(errAway)
		go func() { rest(7 * time.Second); engine.SetAway(nil) }()
		begin := time.Now()
		start(t, engine)
		if took := time.Since(begin); took != 7*time.Second {
			t.Errorf("Start took %v, want 7s", took)
		}
	})
	kit.Bubble(t, "but not for ever, and leaves nothing", func(t *testing.T) {
		broker := kit.NewBroker(t, new(local.Broker))
		broker.SetAway(errAway)
		for _, within := range []time.Duration{time.Second, time.Hour} {
			ctx, cancel := context.WithTimeout(t.Context(), within)
			begin := time.Now()
			if err := cluster.New(broker, 0).Start(ctx, false, nothing); err != errAway {
				t.Errorf("got %v, want %v", err, errAway)
			}
			if took, want := time.Since(begin), min(within, 10*time.Second); took != want {
				t.Errorf("Start took %v, want %v", took, want)
			}
			cancel()
		}
		broker.SetAway(nil)
		broker.Calls.WantNext(t)
	})
	for _, refused := range []string{"nodes", "node."} {
		kit.Bubble(t, "an engine that refuses "+refused, func(t *testing.T) {
			broker := kit.NewBroker(t, new(local.Broker))
			broker.Before("Subscribe", func(_ context.Context, topic string) error {
				if strings.HasPrefix(topic, refused) && (refused != "nodes" || topic == "nodes") {
					return errRefused
				}
				return nil
			})
			if err := cluster.New(broker, 0).Start(t.Context(), false, nothing); !errors.Is(err, errRefused) {
				t.Errorf("got %v, want %v", err, errRefused)
			}
			if live := broker.Subscribed(); len(live) > 0 {
				t.Errorf("got %q, want no subscription", live)
			}
		})
	}
}
