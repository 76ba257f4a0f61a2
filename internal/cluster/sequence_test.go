package cluster_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// One wrong number, whatever it is, does not keep a node from being heard: what it says with its right numbers arrives, but
// for a message, and nothing comes twice.
func TestWrongNumber(t *testing.T) {
	for _, wrong := range []uint64{math.MaxUint64, math.MaxUint64 - 1, 1 << 63, 1 << 48, 1<<48 - 1, 1 << 40, 1 << 20, 5000} {
		for _, before := range []uint64{0, 1, 100} {
			t.Run(fmt.Sprint(wrong, " after ", before), func(t *testing.T) {
				_, broker, got := listen(t)
				x := kit.NewForgedNode(t, broker.Broker, "x")
				for range before {
					x.Publish("a", kit.NodeData, "")
				}
				got.Take()
				if err := broker.Publish("a", kit.NodeMessage(kit.NodeData, "x", wrong, "wrong")); err != nil {
					t.Fatal(err)
				}
				got.Take()
				for range 50 {
					x.Publish("a", kit.NodeData, fmt.Sprint(x.Seq+1))
					x.Seq += 3 // other topics have the numbers between
				}
				lines := got.Take()
				if len(lines) < 49 {
					t.Fatalf("got %d of 50 messages behind number %d, want all but one: %q", len(lines), wrong, lines)
				}
				for n := range before { // and what has come is still known
					if err := broker.Publish("a", kit.NodeMessage(kit.NodeData, "x", n+1, "again")); err != nil {
						t.Fatal(err)
					}
				}
				got.WantNext(t)
			})
		}
	}
}

// A counter that was wrong for a while and is right again is followed down: the node is not mute for longer than a
// repetition could last, and is not taken for dead.
func TestWrongNumbers(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		m := start(t, kit.NewBroker(t, engine))
		var got kit.Journal
		if err := m.Acquire(t.Context(), "a", func(m cluster.Message) { got.Add("%s", m.Body) }); err != nil {
			t.Fatal(err)
		}
		x := kit.NewForgedNode(t, engine, "x")
		x.Publish("nodes", kit.NodeHello, "")
		wstest.Pass(0)
		m.happened.Take()
		for n := range uint64(10) {
			for _, topic := range []string{"a", "nodes"} {
				if err := engine.Publish(topic, kit.NodeMessage(kit.NodeBeat, "x", 1<<40+n*5000, "wrong")); err != nil {
					t.Fatal(err)
				}
			}
		}
		got.Take()
		for second := range 60 {
			wstest.Pass(time.Second)
			x.Publish("a", kit.NodeData, fmt.Sprint(x.Seq+1))
			if second%3 == 0 {
				x.Publish("nodes", kit.NodeBeat, "")
			}
		}
		if lines := got.Take(); len(lines) < 57 {
			t.Errorf("got %d of 60 messages in a minute, want all but those of the first 2 s: %q", len(lines), lines)
		}
		m.happened.WantNext(t)
		if peers := m.Peers(); !slices.Equal(peers, []string{"x"}) {
			t.Errorf("got the peers %q, want x", peers)
		}
	})
}

// A message that others have overtaken is left out, however far they were ahead, as the order is promised.
func TestOvertaken(t *testing.T) {
	for _, ahead := range []uint64{1, 10, 1000, 1 << 20, 1 << 40} {
		_, broker, got := listen(t)
		for _, seq := range []uint64{1, 3 + ahead, 2, 4 + ahead, 3, 5 + ahead} {
			if err := broker.Publish("a", kit.NodeMessage(kit.NodeData, "x", seq, fmt.Sprint(seq))); err != nil {
				t.Fatal(err)
			}
		}
		var want []string
		for _, seq := range []uint64{1, 3 + ahead, 4 + ahead, 5 + ahead} {
			want = append(want, fmt.Sprint("1 x ", seq))
		}
		got.WantNext(t, want...)
	}
}

// What comes again is left out, in whatever order and after whatever numbers.
func TestRepetition(t *testing.T) {
	_, broker, got := listen(t)
	numbers := []uint64{1, 2, 3, 500, 5000, 5001, 1 << 30, 1<<30 + 5000, 1<<30 + 5001}
	for range 3 {
		for _, n := range numbers {
			if err := broker.Publish("a", kit.NodeMessage(kit.NodeData, "x", n, fmt.Sprint(n))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if lines := got.Take(); len(lines) != len(numbers) {
		t.Errorf("got %q, want each number once", lines)
	}
}
