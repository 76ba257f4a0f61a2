package clustertest

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

// inFlight is how long before a fault a line may have been said that the fault swallows.
const inFlight = time.Second

// verdict is how a history is accounted for.
type verdict struct {
	said   int      // lines
	due    int      // pairs of a line and a connection that had to hear it
	heard  int      // pairs of a line and a connection that has heard it
	told   int      // were due and lost, and the speaker was told
	silent int      // were due and lost in a fault, and nobody was told
	wrong  []string // what must not be
}

func (v *verdict) String() string {
	return fmt.Sprintf("%d lines were said, %d times one was heard, %d times it had to be; %d of those were lost while the speaker was told so, and %d on their way",
		v.said, v.heard, v.due, v.told, v.silent)
}

const mostWrong = 20

func (v *verdict) is(format string, args ...any) {
	if len(v.wrong) < mostWrong {
		v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
	}
}

// check accounts for a history that has ended. Nobody hears a line twice, or where it is not, or one that nobody has
// said, and everybody hears the lines of a speaker in a room in their order.
//
// A line is due to a stay if it was said after joining was answered and had gone out before [history.settle] was
// called, or if a later one of the same speaker was heard. What is due is heard. It may be lost only between two nodes,
// and only if a fault lasted meanwhile; then the speaker was told so, or the line was on its way. And nobody is told of
// an error while there is no fault.
func (h *history) check() *verdict {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := &verdict{}
	for _, stray := range h.strays {
		v.is("%s", stray)
	}
	for _, lines := range h.lines {
		v.said += len(lines)
		for _, l := range lines {
			if l.away && !h.excused(l.sent, l.done, l.node) {
				v.is("%s on %s was told at %v that other nodes cannot be reached, and nothing was wrong", l.From, l.node, l.done)
			}
		}
	}
	for _, f := range h.failures {
		if !h.excused(f.from, f.to, f.node) {
			v.is("%s at %v to %v: %v, and nothing was wrong", f.node, f.from, f.to, f.err)
		}
	}
	h.checkOrder(v)
	h.checkLosses(v)
	return v
}

// excused reports whether a fault of one of the nodes lasted then.
func (h *history) excused(from, to time.Duration, nodes ...string) bool {
	return slices.ContainsFunc(h.windows, func(w *window) bool {
		concerns := w.nodes == nil || slices.ContainsFunc(nodes, func(n string) bool { return w.nodes[n] })
		return concerns && (w.to == 0 || from <= w.to) && to >= w.from-inFlight
	})
}

// checkOrder looks at everything that a connection has heard in a room, over all its stays.
func (h *history) checkOrder(v *verdict) {
	type place struct{ client, room, speaker string }
	last := map[place]int{}
	for _, s := range h.stays { // in the order in which they began
		for speaker, heard := range s.heard {
			p := place{s.client, s.room, speaker}
			for _, seq := range heard {
				v.heard++
				switch {
				case seq < 1 || seq > len(h.lines[speaker]) || h.lines[speaker][seq-1].Room != s.room:
					v.is("%s has heard line %d of %s in %q, and nobody has said it there", s.client, seq, speaker, s.room)
				case seq == last[p]:
					v.is("%s has heard line %d of %s in %q twice", s.client, seq, speaker, s.room)
				case seq < last[p]:
					v.is("%s has heard line %d of %s in %q after its line %d", s.client, seq, speaker, s.room, last[p])
				}
				last[p] = max(last[p], seq)
			}
		}
	}
}

// checkLosses looks for what is due in every stay.
func (h *history) checkLosses(v *verdict) {
	inRoom := map[string]map[string][]*spokenLine{} // by room and speaker
	for speaker, lines := range h.lines {
		for _, l := range lines {
			if inRoom[l.Room] == nil {
				inRoom[l.Room] = map[string][]*spokenLine{}
			}
			inRoom[l.Room][speaker] = append(inRoom[l.Room][speaker], l)
		}
	}
	for _, s := range h.stays {
		if s.joined == 0 {
			continue
		}
		for speaker, lines := range inRoom[s.room] {
			heard := slices.Sorted(slices.Values(s.heard[speaker]))
			first := sort.Search(len(lines), func(i int) bool { return lines[i].sent > s.joined })
			for _, l := range lines[first:] {
				later := len(heard) > 0 && l.Seq <= heard[len(heard)-1]
				if !later && (l.done == 0 || l.done >= s.until) {
					continue
				}
				v.due++
				if _, ok := slices.BinarySearch(heard, l.Seq); !ok {
					h.lost(v, s, l)
				}
			}
		}
	}
}

// lost accounts for a line that was due in a stay and was not heard.
func (h *history) lost(v *verdict, s *stay, l *spokenLine) {
	done := l.done
	if done == 0 {
		done = h.now()
	}
	switch {
	case s.node == l.node || !h.excused(l.sent, done, s.node, l.node):
		v.is("%s on %s has not heard line %d of %s on %s in %q, sent at %v, done at %v", s.client, s.node, l.Seq, l.From, l.node, l.Room, l.sent, l.done)
	case l.away:
		v.told++
	default:
		v.silent++
	}
}
