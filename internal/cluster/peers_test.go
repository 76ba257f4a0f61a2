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
	bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		var nodes []*member
		for range 4 {
			nodes = append(nodes, start(t, engine))
			pass(0)
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
		pass(time.Hour) // and do not forget each other
		for _, n := range nodes[:3] {
			n.happened.want(t, "state <nil>")
			if got := n.Silent(); len(got) > 0 {
				t.Errorf("got %q silent, want none", got)
			}
		}
		last := nodes[3]
		last.leave()
		pass(0)
		wantPeers(t, nodes[0], nodes[1].ID(), nodes[2].ID())
		for _, n := range nodes[:3] {
			n.happened.want(t, "dead "+last.ID())
			if n.Alive(last.ID()) {
				t.Error("a node that has left is taken for alive")
			}
			if got := n.RemoteDropped(); got != 0 {
				t.Errorf("got %d ignored messages, want none", got)
			}
		}
	})
}

// A node that says nothing any more is taken for dead after 10 to 11 s, at whatever moment it falls silent.
func TestSilentNodeIsDead(t *testing.T) {
	for _, moment := range []time.Duration{0, 1, time.Millisecond, 500 * time.Millisecond, time.Second - 1, 7*time.Second + 300*time.Millisecond} {
		bubble(t, moment.String(), func(t *testing.T) {
			engine := new(local.Broker)
			n, witness := start(t, engine), start(t, engine)
			var said journal
			end, err := engine.Subscribe(t.Context(), "nodes", func(text []byte) {
				if text[1] == wireBuried {
					said.add("%s", text[len(text)-len("victim"):])
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			defer end()
			pass(moment)
			victim := &forged{t: t, engine: engine, id: "victim"}
			victim.say("nodes", wireBeat, "")
			pass(7 * time.Second)
			if got := n.Silent(); len(got) > 0 {
				t.Errorf("got %q silent after 7s, want none", got)
			}
			pass(1)
			if got := n.Silent(); !slices.Equal(got, []string{"victim"}) {
				t.Errorf("got %q silent after more than 7s, want the victim", got)
			}
			pass(3*time.Second - 2)
			wantPeers(t, n, "victim", witness.ID())
			if !n.Alive("victim") {
				t.Error("taken for dead before 10s")
			}
			said.want(t)
			pass(time.Second + 1)
			wantPeers(t, n, witness.ID())
			if n.Alive("victim") {
				t.Error("not taken for dead after 11s")
			}
			n.happened.want(t, "state <nil>", "dead victim")
			said.want(t, "victim", "victim") // by both
			pass(time.Hour)
			n.happened.want(t) // nobody dies twice
			victim.say("nodes", wireBeat, "")
			pass(0)
			if !n.Alive("victim") {
				t.Error("heard, and still taken for dead")
			}
			wantPeers(t, n, "victim", witness.ID())
		})
	}
}

// A node that hangs is buried, hears of it when it goes on, lives again for the others, and takes none of them for dead.
func TestHangingNode(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		n, other := start(t, engine), start(t, engine)
		pass(0)
		goOn := make(chan struct{})
		n.asked = func([]byte) { <-goOn }
		asker := &forged{t: t, engine: engine, id: "asker"}
		asker.say("nodes", wireAsk, "\x01hang")
		asker.say("nodes", wireBye, "")
		pass(12 * time.Second)
		other.happened.want(t, "state <nil>", "asked hang", "dead asker", "dead "+n.ID())
		close(goOn)
		pass(4 * time.Second)
		wantPeers(t, n, other.ID())
		wantPeers(t, other, n.ID())
		// That it was stopped it also sees by itself, in case nobody could tell it.
		n.happened.wantAny(t, "state <nil>", "asked hang", "dead asker", "revived", "revived")
		pass(time.Hour)
		n.happened.want(t)
		other.happened.want(t)
	})
}

// Only the node that is named comes back from the dead.
func TestBuried(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		n, other := start(t, engine), start(t, engine)
		pass(0)
		stranger := &forged{t: t, engine: engine, id: "stranger"}
		for _, name := range []string{n.ID(), "", "somebody", n.ID() + "x", n.ID()[1:], strings.Repeat("x", 1<<20), "\xff"} {
			stranger.say("nodes", wireBuried, name)
		}
		pass(0)
		n.happened.want(t, "state <nil>", "revived")
		other.happened.want(t, "state <nil>")
	})
}

var errAway = errors.New("gone fishing")

// Nobody can be heard while the engine is away: that is nobody's death.
func TestEngineAway(t *testing.T) {
	for _, moment := range []time.Duration{300 * time.Millisecond, time.Second, 2700 * time.Millisecond} {
		bubble(t, moment.String(), func(t *testing.T) {
			engine := new(local.Broker)
			n, other := start(t, engine), start(t, engine)
			victim := &forged{t: t, engine: engine, id: "victim"}
			victim.say("nodes", wireHello, "")
			pass(moment)
			engine.SetAway(errAway)
			if got := n.Away(); got != errAway {
				t.Errorf("got %v, want %v", got, errAway)
			}
			pass(5*time.Minute + 500*time.Millisecond - moment)
			n.happened.want(t, "state <nil>", "state gone fishing")
			wantPeers(t, n, "victim", other.ID())
			if got := n.Silent(); !slices.Equal(got, n.Peers()) {
				t.Errorf("got %q silent, want all", got)
			}
			engine.SetAway(nil)
			pass(10*time.Second - 1)
			n.happened.want(t, "state <nil>")
			wantPeers(t, n, "victim", other.ID())
			pass(time.Second + 1)
			n.happened.want(t, "dead victim")
			other.happened.want(t, "state <nil>", "state gone fishing", "state <nil>", "dead victim")
			wantPeers(t, n, other.ID())
		})
	}
	bubble(t, "now and then", func(t *testing.T) {
		engine := new(local.Broker)
		n, other := start(t, engine), start(t, engine)
		pass(time.Second / 2)
		for range 100 { // most hellos and beats get lost
			engine.SetAway(errAway)
			pass(6 * time.Second)
			engine.SetAway(nil)
			pass(time.Second / 4)
		}
		for _, line := range append(n.happened.take(), other.happened.take()...) {
			if strings.HasPrefix(line, "dead") || line == "revived" {
				t.Errorf("got %q, want nobody's death", line)
			}
		}
	})
}

// A node that was not heard of, but of whom somebody knows, has the time to be heard.
func TestNeverHeard(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		n := start(t, new(local.Broker))
		for range 10 {
			if !n.Alive("unknown") {
				t.Error("got dead, want alive for now")
			}
			pass(0)
		}
		pass(11 * time.Second)
		n.happened.want(t, "state <nil>", "dead unknown")
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
	for _, kind := range []byte{wireBeat, wireHello, wireBye, wireAsk} {
		bubble(t, fmt.Sprint("kind ", kind), func(t *testing.T) {
			engine := new(local.Broker)
			n, other := start(t, engine), start(t, engine)
			pass(0)
			for round := range 20 {
				for i := range 1000 {
					stranger := &forged{t: t, engine: engine, id: fmt.Sprint("stranger", round, ".", i)}
					stranger.say("nodes", kind, "\x01")
					if i%500 == 0 {
						pass(0) // else the inbox would be full
					}
				}
				pass(time.Second)
			}
			if got := len(n.Peers()); got > 5000 {
				t.Errorf("got %d peers, want a limit", got)
			}
			if !slices.Contains(n.Peers(), other.ID()) {
				t.Error("the neighbor is not known any more")
			}
			pass(11 * time.Second)
			wantPeers(t, n, other.ID())
			if !n.Alive(other.ID()) || n.RemoteDropped() != 0 {
				t.Errorf("the neighbor lives: %v; %d messages ignored, want none", n.Alive(other.ID()), n.RemoteDropped())
			}
		})
	}
}

// What no node says on the topic of nodes is counted, and the loop goes on.
func TestGarbageBetweenNodes(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		n := start(t, engine)
		pass(0)
		stranger := &forged{t: t, engine: engine, id: "stranger"}
		bad := 0
		for kind := range 256 {
			switch kind {
			case wireBeat, wireHello, wireBye, wireBuried, wireAnswer: // need no body
				continue
			}
			for _, topic := range []string{"nodes", "node." + n.ID()} {
				stranger.say(topic, byte(kind), "")
				bad++
			}
			pass(0)
		}
		for _, body := range []string{"", "\x80", strings.Repeat("\xff", 11)} { // an ask without its number
			stranger.say("nodes", wireAsk, body)
			bad++
		}
		pass(0)
		if got := n.RemoteDropped(); got != uint64(bad) {
			t.Errorf("got %d ignored messages, want %d", got, bad)
		}
		for _, body := range []string{"", "\x01", "\x80", strings.Repeat("\xff", 11)} { // answers that nobody waits for
			stranger.say("node."+n.ID(), wireAnswer, body)
			stranger.say("nodes", wireAnswer, body)
		}
		pass(0)
		n.happened.want(t, "state <nil>")
		wantPeers(t, n, "stranger")
	})
}

// More than the loop can take is dropped and counted, and nobody waits for it. It is a node's own that is dropped: the others
// are heard.
func TestInboxIsFull(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		n := start(t, engine)
		pass(0)
		goOn := make(chan struct{})
		n.asked = func([]byte) { <-goOn }
		stranger := &forged{t: t, engine: engine, id: "stranger"}
		stranger.say("nodes", wireAsk, "\x01")
		pass(0)
		const inbox, more = 8 << 20 / (fair.Overhead + len("stranger")), 100
		for range inbox + more {
			stranger.say("nodes", wireHello, "")
		}
		if got := n.RemoteDropped(); got != more {
			t.Errorf("got %d ignored messages, want %d", got, more)
		}
		neighbor := &forged{t: t, engine: engine, id: "neighbor"}
		neighbor.say("nodes", wireHello, "")
		neighbor.say("nodes", wireAsk, "\x02what?")
		if got := n.RemoteDropped(); got != more+2 {
			t.Errorf("got %d ignored messages, want %d: those that made room", got, more+2)
		}
		n.happened.take()
		close(goOn)
		pass(0)
		n.happened.want(t, "asked what?")
		wantPeers(t, n, "stranger", "neighbor")
	})
}

func TestStart(t *testing.T) {
	nothing := cluster.Events{State: func(error) {}, Dead: func(string) {}, Revived: func() {}, OnRequest: func([]byte) bool { return true }}
	bubble(t, "waits for the engine", func(t *testing.T) {
		engine := new(local.Broker)
		engine.SetAway(errAway)
		go func() { rest(7 * time.Second); engine.SetAway(nil) }()
		begin := time.Now()
		start(t, engine)
		if took := time.Since(begin); took != 7*time.Second {
			t.Errorf("Start took %v, want 7s", took)
		}
	})
	bubble(t, "but not for ever, and leaves nothing", func(t *testing.T) {
		broker := newStrictBroker(t, new(local.Broker))
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
		broker.calls.want(t)
	})
	for _, refused := range []string{"nodes", "node."} {
		bubble(t, "an engine that refuses "+refused, func(t *testing.T) {
			broker := newStrictBroker(t, new(local.Broker))
			broker.subscribing = func(_ context.Context, topic string) error {
				if strings.HasPrefix(topic, refused) && (refused != "nodes" || topic == "nodes") {
					return errRefused
				}
				return nil
			}
			if err := cluster.New(broker, 0).Start(t.Context(), false, nothing); !errors.Is(err, errRefused) {
				t.Errorf("got %v, want %v", err, errRefused)
			}
			if live := broker.subscribed(); len(live) > 0 {
				t.Errorf("got %q, want no subscription", live)
			}
		})
	}
}
