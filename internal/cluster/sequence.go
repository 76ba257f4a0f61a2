package cluster

import (
	"maps"
	"time"
)

// sequence tracks the sequence numbers of one node on a topic, to drop duplicate and late messages. A wrong number,
// however large, must not block the node's later messages, so a run of smaller numbers is accepted again.
type sequence struct {
	node string

	top   uint64 // the largest number received
	below uint64 // the largest before top: none between the two was received
	late  uint64 // the last late number far below top
	run   run
}

// run is a sequence of late numbers, each larger than the one before.
type run struct {
	count int
	since time.Time
}

const (
	// maxNumber is more than any node reaches: nine years of a million messages per second.
	maxNumber = 1 << 48
	// near is the distance below top within which a number is always late.
	near = 1 << 10
	// repeatedFor is how long a run may consist of duplicates. It is less than beatEvery, so that a node with wrong
	// numbers is not declared dead.
	repeatedFor = 2 * time.Second
	// fewNodes is the number of sequences that are kept even for dead nodes.
	fewNodes = 8
)

// follows reports whether a number is new and in order, and records it. After a wrong number, the next message is lost,
// because it looks late; after several wrong numbers, the messages of a few seconds are.
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

// sequences holds the sequences of the nodes that publish to a topic, by id.
type sequences map[string]*sequence

// of returns the sequence of a node, a new one for an unknown node. Whenever their number has doubled, it removes those
// of dead nodes, since a topic may outlive many nodes.
func (s sequences) of(node []byte, lives func(id string) bool) *sequence {
	if known := s[string(node)]; known != nil {
		return known
	}
	if n := len(s); n >= fewNodes && n&(n-1) == 0 {
		maps.DeleteFunc(s, func(id string, _ *sequence) bool { return !lives(id) })
	}
	if len(s) >= maxNodes {
		clear(s) // duplicates may be accepted until the sequences are rebuilt
	}
	fresh := &sequence{node: string(node)}
	s[fresh.node] = fresh
	return fresh
}
