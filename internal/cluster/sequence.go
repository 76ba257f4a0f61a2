package cluster

import (
	"maps"
	"time"
)

// sequence is what a topic remembers of the numbers of one node, to leave out what comes twice or has been overtaken.
// Numbers that are wrong must not make the node mute, however large: those that follow them down again are believed.
type sequence struct {
	node string

	top   uint64 // the largest number that has come
	below uint64 // the largest before: none between the two has come
	late  uint64 // the last one that came too late, far from top
	run   run
}

// run is a row of numbers that came too late, each larger than the one before.
type run struct {
	count int
	since time.Time
}

const (
	// maxNumber is beyond what a node counts to: it takes nine years of a million messages a second.
	maxNumber = 1 << 48
	// near is how far below top nothing is believed but that it was overtaken.
	near = 1 << 10
	// repeatedFor is how long a row of messages may come a second time. It is less than beatEvery, so that a node is not
	// taken for dead whose numbers were wrong.
	repeatedFor = 2 * time.Second
	// fewNodes are remembered whether they live or not.
	fewNodes = 8
)

// follows reports whether a number is new and in order, and takes note of it. If top was a wrong number, the first one
// behind it is lost, for it looks like one that was overtaken; if several were wrong, those of a few seconds are.
func (s *sequence) follows(n uint64) bool {
	if n > maxNumber {
		return false
	}
	if n > s.top {
		s.below, s.top, s.run = s.top, n, run{}
		return true
	}
	if s.top-n < near {
		return false
	}
	if n <= s.late || s.run.count == 0 {
		s.run = run{since: time.Now()}
	}
	s.late = n
	s.run.count++
	if s.run.count == 1 || n <= s.below && time.Since(s.run.since) < repeatedFor {
		return false
	}
	s.below = n
	return true
}

// sequences are those of the nodes that speak on a topic, by id.
type sequences map[string]*sequence

// of returns the sequence of a node, a new one if nothing is known of it. As often as they have become twice as many, those
// of nodes that do not live are forgotten: nodes come and go while a topic stays.
func (s sequences) of(node []byte, lives func(id string) bool) *sequence {
	if known := s[string(node)]; known != nil {
		return known
	}
	if n := len(s); n >= fewNodes && n&(n-1) == 0 {
		maps.DeleteFunc(s, func(id string, _ *sequence) bool { return !lives(id) })
	}
	if len(s) >= mostNodes {
		clear(s) // what is lost is the check against messages that come twice
	}
	fresh := &sequence{node: string(node)}
	s[fresh.node] = fresh
	return fresh
}
