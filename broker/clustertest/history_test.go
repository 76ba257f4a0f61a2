package clustertest

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// history is what the clients of a cluster say and hear, and what befalls the nodes. Its check accounts for every line.
type history struct {
	begun time.Time

	mu       sync.Mutex // guards following, and what all of it points to
	lines    map[string][]*spokenLine
	latest   map[string]map[string]int // by room and speaker: the last line that has gone out
	stays    []*stay
	open     map[string]map[string]*stay // by connection and room: those that have not ended
	windows  []*window
	aways    map[string]*window // by node: those that have not ended
	failures []failure
	strays   []string // what was heard where it must not
}

// spokenLine is a line. A speaker is a connection, and numbers its lines from 1.
type spokenLine struct {
	line
	node       string
	sent, done time.Duration // done is when the node has answered, 0 if it has not
	away       bool          // the node has answered that other nodes cannot be reached
}

// stay is the time that a connection is in a room.
type stay struct {
	client, node, room string
	entered, joined    time.Duration // when joining was asked for and when it was answered, 0 if it was not
	until              time.Duration // what was done until then was waited for; 0 if nothing was
	heard              map[string][]int
	arrived            chan struct{} // closed and replaced when something is heard; nil while nobody waits
}

// window is a time in which lines to or from some nodes may be lost.
type window struct {
	nodes    map[string]bool // nil for all
	from, to time.Duration   // to is 0 while it lasts
}

// failure is something that a node has refused, or that was not answered because the connection has ended.
type failure struct {
	node     string
	from, to time.Duration
	err      error
}

func newHistory() *history {
	return &history{
		begun: time.Now(), lines: map[string][]*spokenLine{}, latest: map[string]map[string]int{},
		open: map[string]map[string]*stay{}, aways: map[string]*window{},
	}
}

// now is the time since the beginning, never 0.
func (h *history) now() time.Duration { return time.Since(h.begun) + 1 }

// says notes a line that is about to be sent.
func (h *history) says(speaker, node, room string) *spokenLine {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := &spokenLine{line: line{Room: room, From: speaker, Seq: len(h.lines[speaker]) + 1}, node: node, sent: h.now()}
	h.lines[speaker] = append(h.lines[speaker], l)
	return l
}

// wentOut notes that a line was answered.
func (h *history) wentOut(l *spokenLine, away bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l.done, l.away = h.now(), away
	if h.latest[l.Room] == nil {
		h.latest[l.Room] = map[string]int{}
	}
	h.latest[l.Room][l.From] = max(h.latest[l.Room][l.From], l.Seq)
}

// enters notes that a connection is about to join a room, joined that it has, and leaves that it is not in it any more.
func (h *history) enters(client, node, room string) *stay {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &stay{client: client, node: node, room: room, entered: h.now(), heard: map[string][]int{}}
	h.stays = append(h.stays, s)
	if h.open[client] == nil {
		h.open[client] = map[string]*stay{}
	}
	h.open[client][room] = s
	return s
}

func (h *history) joined(s *stay) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.joined = h.now()
}

func (h *history) leaves(s *stay) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.open[s.client], s.room)
}

// hears notes that a connection has got a line.
func (h *history) hears(client string, l line) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.open[client][l.Room]
	if s == nil {
		h.strays = append(h.strays, fmt.Sprintf("%s has heard line %d of %s in %q, where it is not", client, l.Seq, l.From, l.Room))
		return
	}
	s.heard[l.From] = append(s.heard[l.From], l.Seq)
	if s.arrived != nil {
		close(s.arrived)
		s.arrived = nil
	}
}

// settle waits until everything has come that went out in the room until now and that no fault can have swallowed. After
// an error it is known what that was all the same, so that the check finds what is missing.
func (h *history) settle(ctx context.Context, s *stay) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.until = h.now()
	due := map[string]int{}
	for speaker, seq := range h.latest[s.room] {
		l := h.lines[speaker][seq-1]
		if l.sent > s.joined && (s.node == l.node || !h.excused(l.sent, l.done, s.node, l.node)) {
			due[speaker] = seq
		}
	}
	return h.await(ctx, s, due)
}

// settleWith waits until the last line of a speaker has come, fault or not.
func (h *history) settleWith(ctx context.Context, s *stay, speaker string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.await(ctx, s, map[string]int{speaker: h.latest[s.room][speaker]})
}

// await waits until lines have come that are due, by speaker. It needs the lock, and returns with it.
func (h *history) await(ctx context.Context, s *stay, due map[string]int) error {
	for {
		for speaker, seq := range due {
			if heard := s.heard[speaker]; len(heard) > 0 && heard[len(heard)-1] >= seq {
				delete(due, speaker)
			}
		}
		if len(due) == 0 {
			return nil
		}
		if s.arrived == nil {
			s.arrived = make(chan struct{})
		}
		if err := h.unlocked(ctx, s.arrived); err != nil {
			return fmt.Errorf("%s on %s waits in %q for lines of %v: %w", s.client, s.node, s.room, due, err)
		}
	}
}

// unlocked waits without the lock.
func (h *history) unlocked(ctx context.Context, arrived <-chan struct{}) error {
	h.mu.Unlock()
	defer h.mu.Lock()
	select {
	case <-arrived:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// failed notes that something has gone wrong that was begun at a time.
func (h *history) failed(node string, from time.Duration, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures = append(h.failures, failure{node, from, h.now(), err})
}

// fault begins a time in which lines to and from nodes, or all if none are given, may be lost. over ends it.
func (h *history) fault(nodes ...*node) (over func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &window{from: h.now()}
	for _, n := range nodes {
		if w.nodes == nil {
			w.nodes = map[string]bool{}
		}
		w.nodes[n.name] = true
	}
	h.windows = append(h.windows, w)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		w.to = h.now()
	}
}

// away and back note what a node says of its engine. At the beginning it may be away.
func (h *history) away(node string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.aways[node] == nil {
		h.aways[node] = &window{nodes: map[string]bool{node: true}, from: h.now()}
		h.windows = append(h.windows, h.aways[node])
	}
}

func (h *history) back(node string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.aways[node]; w != nil {
		w.to = h.now()
		delete(h.aways, node)
	}
}
