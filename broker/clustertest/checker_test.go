package clustertest

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestCheck puts faults into histories, and has them found.
func TestCheck(t *testing.T) {
	// a on node0 says five lines, each within a second; b on node1 is in the room.
	sample := func() (*history, *stay) {
		h := newHistory()
		s := h.enters("b", "node1", "room")
		s.joined, s.until = 1, 10*time.Second
		for i := range 5 {
			l := h.says("a", "node0", "room")
			l.sent = time.Duration(i+1) * time.Second
			l.done = l.sent + time.Second/2
			h.hears("b", l.line)
		}
		return h, s
	}
	without := func(s *stay, seqs ...int) { s.heard["a"] = seqs }
	fault := func(h *history, from, to time.Duration, nodes ...*node) {
		h.fault(nodes...)
		h.windows[0].from, h.windows[0].to = from, to
	}
	node0, node2 := &node{name: "node0"}, &node{name: "node2"}
	const second = time.Second
	errTest := errors.New("a test")
	for _, c := range []struct {
		name    string
		change  func(h *history, s *stay)
		want    string // in the first complaint
		verdict verdict
	}{
		{"nothing", func(*history, *stay) {}, "", verdict{due: 5}},
		{"twice", func(_ *history, s *stay) { without(s, 1, 2, 2, 3, 4, 5) }, "line 2 of a in \"room\" twice", verdict{due: 5}},
		{"out of order", func(_ *history, s *stay) { without(s, 1, 3, 2, 4, 5) }, "line 2 of a in \"room\" after its line 3", verdict{due: 5}},
		{"twice, in two stays", func(h *history, s *stay) {
			h.leaves(s)
			h.enters("b", "node1", "room").heard["a"] = []int{5}
		}, "line 5 of a in \"room\" twice", verdict{due: 5}},
		{"never said", func(_ *history, s *stay) { s.heard["a"] = append(s.heard["a"], 6) }, "line 6 of a in \"room\", and nobody has said it", verdict{due: 5}},
		{"said elsewhere", func(h *history, _ *stay) { h.lines["a"][4].Room = "other" }, "line 5 of a in \"room\", and nobody has said it there", verdict{due: 4}},
		{"heard where it is not", func(h *history, s *stay) {
			h.leaves(s)
			h.hears("b", h.lines["a"][4].line)
		}, "line 5 of a in \"room\", where it is not", verdict{due: 5}},
		{"lost between", func(_ *history, s *stay) { without(s, 1, 2, 4, 5) }, "not heard line 3", verdict{due: 5}},
		{"lost at the beginning", func(_ *history, s *stay) { without(s, 2, 3, 4, 5) }, "not heard line 1", verdict{due: 5}},
		{"lost at the end", func(_ *history, s *stay) { without(s, 1, 2, 3, 4) }, "not heard line 5", verdict{due: 5}},
		{"all lost", func(_ *history, s *stay) { without(s) }, "not heard line 1", verdict{due: 5}},
		{"not waited for", func(_ *history, s *stay) { without(s, 1, 2, 3); s.until = 0 }, "", verdict{due: 3}},
		{"lost between, not waited for", func(_ *history, s *stay) { without(s, 1, 3); s.until = 0 }, "not heard line 2", verdict{due: 3}},
		{"before it had joined", func(_ *history, s *stay) { without(s, 3, 4, 5); s.joined = 2500 * time.Millisecond }, "", verdict{due: 3}},
		{"without an answer", func(h *history, s *stay) { without(s, 1, 2, 3, 4); h.lines["a"][4].done = 0 }, "", verdict{due: 4}},
		{"lost in a fault", func(h *history, s *stay) { without(s, 1, 2, 4, 5); fault(h, 3*second, 4*second) }, "", verdict{due: 5, silent: 1}},
		{"lost in a fault of the speaker's node", func(h *history, s *stay) { without(s, 1, 2, 4, 5); fault(h, 3*second, 4*second, node0) }, "", verdict{due: 5, silent: 1}},
		{"lost in a fault that lasts", func(h *history, s *stay) { without(s, 1, 2); fault(h, 3*second, 0) }, "", verdict{due: 5, silent: 3}},
		{"lost in a fault, and said so", func(h *history, s *stay) {
			without(s, 1, 2, 4, 5)
			h.lines["a"][2].away = true
			fault(h, 3*second, 4*second)
		}, "", verdict{due: 5, told: 1}},
		{"lost in a fault elsewhere", func(h *history, s *stay) { without(s, 1, 2, 4, 5); fault(h, 3*second, 4*second, node2) }, "not heard line 3", verdict{due: 5}},
		{"lost before a fault", func(h *history, s *stay) { without(s, 2, 3, 4, 5); fault(h, 3*second, 4*second) }, "not heard line 1", verdict{due: 5}},
		{"lost after a fault", func(h *history, s *stay) { without(s, 1, 2, 3, 4); fault(h, 3*second, 4*second) }, "not heard line 5", verdict{due: 5}},
		{"lost in a fault on one node", func(h *history, s *stay) { without(s, 1, 2, 4, 5); s.node = "node0"; fault(h, 3*second, 4*second) }, "not heard line 3", verdict{due: 5}},
		{"told without a fault", func(h *history, _ *stay) { h.lines["a"][2].away = true }, "cannot be reached, and nothing was wrong", verdict{due: 5}},
		{"refused without a fault", func(h *history, _ *stay) { h.failed("node1", 1, errTest) }, "a test, and nothing was wrong", verdict{due: 5}},
		{"refused in a fault", func(h *history, _ *stay) { h.failed("node1", 1, errTest); fault(h, 1, 0) }, "", verdict{due: 5}},
		{"refused while a node says it is away", func(h *history, _ *stay) { h.away("node1"); h.failed("node1", h.now(), errTest); h.back("node1") }, "", verdict{due: 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, s := sample()
			c.change(h, s)
			v := h.check()
			switch {
			case c.want == "" && len(v.wrong) > 0:
				t.Errorf("got %q, want no complaint", v.wrong)
			case c.want != "" && (len(v.wrong) == 0 || !strings.Contains(v.wrong[0], c.want)):
				t.Errorf("got %q, want %q", v.wrong, c.want)
			}
			if v.due != c.verdict.due || v.told != c.verdict.told || v.silent != c.verdict.silent {
				t.Errorf("got %v, want %v", v, &c.verdict)
			}
		})
	}
}
