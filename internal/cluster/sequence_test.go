package cluster_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/local"
)

// One wrong number, whatever it is, does not keep a node from being heard: what it says with its right numbers arrives, but
// for a message, and nothing comes twice.
func TestWrongNumber(t *testing.T) {
	for _, wrong := range []uint64{math.MaxUint64, math.MaxUint64 - 1, 1 << 63, 1 << 48, 1<<48 - 1, 1 << 40, 1 << 20, 5000} {
		for _, before := range []uint64{0, 1, 100} {
			t.Run(fmt.Sprint(wrong, " after ", before), func(t *testing.T) {
				_, broker, got := listen(t)
				x := &forged{t: t, engine: broker.Broker, id: "x"}
				for range before {
					x.say("a", wireData, "")
				}
				got.take()
				if err := broker.Publish("a", wire(wireData, "x", wrong, "wrong")); err != nil {
					t.Fatal(err)
				}
				got.take()
				for range 50 {
					x.say("a", wireData, fmt.Sprint(x.seq+1))
					x.seq += 3 // other topics have the numbers between
				}
				lines := got.take()
				if len(lines) < 49 {
					t.Fatalf("got %d of 50 messages behind number %d, want all but one: %q", len(lines), wrong, lines)
				}
				for n := range before { // and what has come is still known
					if err := broker.Publish("a", wire(wireData, "x", n+1, "again")); err != nil {
						t.Fatal(err)
					}
				}
				got.want(t)
			})
		}
	}
}

// A counter that was wrong for a while and is right again is followed down: the node is not mute for longer than a
// repetition could last, and is not taken for dead.
func TestWrongNumbers(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		m := start(t, newStrictBroker(t, engine))
		var got journal
		if err := m.Acquire(t.Context(), "a", func(m cluster.Message) { got.add("%s", m.Body) }); err != nil {
			t.Fatal(err)
		}
		x := &forged{t: t, engine: engine, id: "x"}
		x.say("nodes", wireHello, "")
		pass(0)
		m.happened.take()
		for n := range uint64(10) {
			for _, topic := range []string{"a", "nodes"} {
				if err := engine.Publish(topic, wire(wireBeat, "x", 1<<40+n*5000, "wrong")); err != nil {
					t.Fatal(err)
				}
			}
		}
		got.take()
		for second := range 60 {
			pass(time.Second)
			x.say("a", wireData, fmt.Sprint(x.seq+1))
			if second%3 == 0 {
				x.say("nodes", wireBeat, "")
			}
		}
		if lines := got.take(); len(lines) < 57 {
			t.Errorf("got %d of 60 messages in a minute, want all but those of the first 2 s: %q", len(lines), lines)
		}
		m.happened.want(t)
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
			if err := broker.Publish("a", wire(wireData, "x", seq, fmt.Sprint(seq))); err != nil {
				t.Fatal(err)
			}
		}
		var want []string
		for _, seq := range []uint64{1, 3 + ahead, 4 + ahead, 5 + ahead} {
			want = append(want, fmt.Sprint("1 x ", seq))
		}
		got.want(t, want...)
	}
}

// What comes again is left out, in whatever order and after whatever numbers.
func TestRepetition(t *testing.T) {
	_, broker, got := listen(t)
	numbers := []uint64{1, 2, 3, 500, 5000, 5001, 1 << 30, 1<<30 + 5000, 1<<30 + 5001}
	for range 3 {
		for _, n := range numbers {
			if err := broker.Publish("a", wire(wireData, "x", n, fmt.Sprint(n))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if lines := got.take(); len(lines) != len(numbers) {
		t.Errorf("got %q, want each number once", lines)
	}
}
