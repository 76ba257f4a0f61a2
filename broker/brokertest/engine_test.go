package brokertest_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wsgate/wsgate"
)

var errAway = errors.New("the engine is away")

// engine carries messages between its nodes in memory. It can go away, and its nodes can have a fault.
type engine struct {
	fault string

	mu     sync.Mutex // guards following, and what its nodes and their subscriptions have
	away   bool
	nodes  []*node
	tables map[string]map[string][]byte
}

// node is a broker of the engine.
type node struct {
	*engine
	running  sync.WaitGroup
	subs     []*sub
	watchers []*watcher
	overdue  []func()    // what the fault "slow unsubscribe" has put off
	line     chan func() // of the fault "one line"
}

// sub is a subscription. Its goroutine calls receive.
type sub struct {
	topic   string
	receive func([]byte)
	queue   [][]byte
	skip    bool // the next message, for the fault "unconfirmed"
	wake    chan struct{}
	end     chan struct{}
	ending  sync.Once
}

type watcher struct{ changed func(error) }

// broker is a node that is no PresenceStore.
type broker struct{ wsgate.Broker }

func (e *engine) node(t testing.TB) *node {
	n := &node{engine: e}
	e.mu.Lock()
	e.nodes = append(e.nodes, n)
	e.mu.Unlock()
	t.Cleanup(n.close)
	return n
}

func (n *node) close() {
	n.mu.Lock()
	n.nodes = slices.DeleteFunc(n.nodes, func(other *node) bool { return other == n })
	subs := n.subs
	if n.line != nil {
		close(n.line)
	}
	n.mu.Unlock()
	for _, s := range subs {
		if n.fault != "leak" {
			s.stop()
		}
	}
	if n.fault != "leak" {
		n.running.Wait()
	}
}

func (n *node) Publish(topic string, message []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.away && n.fault != "buffer" {
		if n.fault == "silent loss" {
			return nil
		}
		return errAway
	}
	if n.fault == "write" && len(message) > 0 {
		defer func() { message[0] = '!' }()
	}
	if n.fault == "cut" {
		message, _, _ = bytes.Cut(message, []byte{0})
	}
	for _, other := range n.nodes {
		if n.fault == "noecho" && other == n {
			continue
		}
		for _, s := range other.subs {
			if !n.matches(s.topic, topic) {
				continue
			}
			if n.fault == "one line" {
				other.queue(s, bytes.Clone(message))
				continue
			}
			if n.fault == "uncounted" && len(s.queue) > 2 {
				continue
			}
			if n.fault == "keep" {
				s.put(message)
			} else {
				s.put(bytes.Clone(message))
			}
			if n.fault == "reverse" {
				slices.Reverse(s.queue)
			}
			if n.fault == "one" {
				return nil
			}
		}
	}
	return nil
}

// queue has a message delivered behind those of all other topics: the fault "one line". It has the engine's lock held.
func (n *node) queue(s *sub, message []byte) {
	if n.line == nil {
		n.line = make(chan func(), 10_000)
		n.running.Go(func() {
			for deliver := range n.line {
				deliver()
			}
		})
	}
	n.line <- func() { s.receive(message) }
}

func (n *node) matches(subscribed, published string) bool {
	switch n.fault {
	case "fold":
		return strings.EqualFold(subscribed, published)
	case "prefix":
		return subscribed == published || strings.HasPrefix(published, subscribed+".")
	case "short":
		return subscribed[:min(len(subscribed), 255)] == published[:min(len(published), 255)]
	default:
		return subscribed == published
	}
}

func (s *sub) put(message []byte) {
	if s.skip {
		s.skip = false
		return
	}
	s.queue = append(s.queue, message)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *sub) stop() { s.ending.Do(func() { close(s.end) }) }

func (n *node) Subscribe(ctx context.Context, topic string, receive func([]byte)) (func(), error) {
	if err := ctx.Err(); err != nil && n.fault != "refused" {
		return nil, err
	}
	s := &sub{topic: topic, receive: receive, wake: make(chan struct{}, 1), end: make(chan struct{})}
	s.skip = n.fault == "unconfirmed"
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.away && n.fault == "refuse" {
		return nil, errAway
	}
	if n.away && n.fault == "forget" {
		return func() {}, nil
	}
	n.subs = append(n.subs, s)
	for _, f := range n.overdue {
		f()
	}
	n.overdue = nil
	n.running.Go(func() { n.deliver(s) })
	unsubscribe := func() { n.unsubscribe(s) }
	if n.fault == "context" {
		context.AfterFunc(ctx, unsubscribe)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err() // the fault "refused": it goes on
	}
	return unsubscribe, nil
}

func (n *node) unsubscribe(s *sub) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch n.fault {
	case "deaf":
		return
	case "slow unsubscribe":
		n.overdue = append(n.overdue, func() {
			n.drop(func(other *sub) bool { return other.topic == s.topic })
		})
	default:
		n.drop(func(other *sub) bool { return other == s })
	}
}

// drop ends subscriptions. It has the engine's lock held.
func (n *node) drop(which func(*sub) bool) {
	n.subs = slices.DeleteFunc(n.subs, func(s *sub) bool {
		if which(s) {
			s.stop()
			return true
		}
		return false
	})
}

// deliver calls receive for the messages of a subscription, until it ends.
func (n *node) deliver(s *sub) {
	var calls sync.WaitGroup
	defer calls.Wait()
	for {
		select {
		case <-s.wake:
		case <-s.end:
			return
		}
		n.mu.Lock()
		queue := s.queue
		s.queue = nil
		n.mu.Unlock()
		for _, message := range queue {
			select {
			case <-s.end:
				return
			default:
			}
			if n.fault == "overlap" {
				calls.Go(func() { s.receive(message) })
			} else {
				s.receive(message)
			}
		}
	}
}

func (n *node) Watch(changed func(error)) (stop func()) {
	w := &watcher{changed}
	n.mu.Lock()
	n.watchers = append(n.watchers, w)
	err := n.state()
	n.mu.Unlock()
	if n.fault != "mute" {
		changed(err)
	}
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.fault != "stubborn" {
			n.watchers = slices.DeleteFunc(n.watchers, func(other *watcher) bool { return other == w })
		}
	}
}

// state has the engine's lock held.
func (e *engine) state() error {
	if e.away {
		return errAway
	}
	return nil
}

// turn takes the engine away or brings it back.
func (e *engine) turn(away bool) {
	e.mu.Lock()
	e.away = away
	err := e.state()
	var all []*watcher
	for _, n := range e.nodes {
		all = append(all, n.watchers...)
		if e.fault == "lose" && len(n.subs) > 0 && !away {
			first := n.subs[0]
			n.drop(func(s *sub) bool { return s == first })
		}
	}
	e.mu.Unlock()
	for _, w := range all {
		w.changed(err)
		if e.fault == "chatter" {
			w.changed(errors.New("again"))
		}
	}
}

func (n *node) Update(ctx context.Context, table string, rows map[string][]byte) error {
	if err := ctx.Err(); err != nil && n.fault != "endless" {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.away && n.fault != "offline" {
		return errAway
	}
	if n.fault == "one table" {
		table = ""
	}
	if n.tables[table] == nil || n.fault == "replace" {
		n.tables[table] = map[string][]byte{}
	}
	for row, value := range rows {
		switch {
		case value == nil && n.fault == "undead":
		case value == nil, len(value) == 0 && n.fault == "no empty":
			delete(n.tables[table], row)
		case n.fault == "keep rows":
			n.tables[table][row] = value
		default:
			n.tables[table][row] = append([]byte{}, value...)
		}
	}
	return nil
}

func (n *node) Rows(ctx context.Context, table string) (map[string][]byte, error) {
	if err := ctx.Err(); err != nil && n.fault != "endless" {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.away && n.fault != "offline" {
		return nil, errAway
	}
	if n.fault == "one table" {
		table = ""
	}
	rows := maps.Clone(n.tables[table])
	if n.fault != "lend rows" {
		for row, value := range rows {
			rows[row] = append([]byte{}, value...)
		}
	}
	return rows, nil
}
