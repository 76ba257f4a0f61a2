package abuse

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/local"
)

// engine is what nodes share.
type engine struct {
	local.Broker
	tables sync.Map // that were written to, by name
}

// newEngine returns one whose tables have to be empty when all nodes have ended.
func newEngine(t testing.TB) *engine {
	e := new(engine)
	t.Cleanup(func() {
		e.SetAway(nil)
		for table := range e.tables.Range {
			if rows, err := e.Rows(context.Background(), table.(string)); err != nil || len(rows) > 0 {
				t.Errorf("the nodes have left in %s: %q, %v", table, rows, err)
			}
		}
	})
	return e
}

// link is a node's Broker and Store: its way to the engine, which may fail. It counts what the node wants, and holds it
// to the contract of [wsgate.Broker].
type link struct {
	*engine
	t      testing.TB
	faults atomic.Pointer[faults]
	beats  atomic.Int64 // that the node has said it lives

	mu         sync.Mutex // guards following
	receivers  map[string]*receiver
	subscribed map[string]int // how often, by topic
	published  map[string]int
	id         string // the node's, once it has said something
}

// receiver is a subscription of the node's.
type receiver struct {
	mu      sync.Mutex // held while receive runs: calls do not overlap
	receive func([]byte)
}

func (r *receiver) take(message []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.receive(message)
}

// faults are what is wrong with a link. What is nil is all right.
type faults struct {
	publish   func(topic string, message []byte) error // what the node hears; errSwallowed for a message that vanishes
	deliver   func(topic string, message []byte, take func([]byte))
	subscribe func(ctx context.Context, topic string) error
	store     func(ctx context.Context) error
}

var (
	errSwallowed = errors.New("it vanishes, and nobody is told")
	errRefused   = errors.New("not today")
)

func newLink(t testing.TB, e *engine) *link {
	l := &link{engine: e, t: t, receivers: map[string]*receiver{}, subscribed: map[string]int{}, published: map[string]int{}}
	l.fail(faults{})
	return l
}

// fail has something go wrong from now on, in place of what went wrong before.
func (l *link) fail(f faults) { l.faults.Store(&f) }

// cut has the link swallow everything, in both directions: nobody is told.
func (l *link) cut() {
	l.fail(faults{
		publish: func(string, []byte) error { return errSwallowed },
		deliver: func(string, []byte, func([]byte)) {},
		store:   hang,
	})
}

// hang is a Store that does not answer.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (l *link) Publish(topic string, message []byte) error {
	l.check("publishes to", topic)
	if _, kind, node, ok := parse(message); ok {
		if kind == ofBeat && topic == allNodes {
			l.beats.Add(1)
		}
		l.mu.Lock()
		if l.id == "" {
			l.id = node
		} else if l.id != node {
			l.t.Errorf("the node %s says it is %s", l.id, node)
		}
		l.published[topic]++
		l.mu.Unlock()
	} else {
		l.t.Errorf("a node publishes %.40q", message)
	}
	if publish := l.faults.Load().publish; publish != nil {
		if err := publish(topic, message); err == errSwallowed {
			return nil
		} else if err != nil {
			return err
		}
	}
	return l.engine.Publish(topic, message)
}

func (l *link) Subscribe(ctx context.Context, topic string, receive func([]byte)) (func(), error) {
	l.check("subscribes to", topic)
	r := &receiver{receive: receive}
	l.mu.Lock()
	if l.receivers[topic] != nil {
		l.t.Errorf("a node subscribes to %s, as it has already", topic)
	}
	l.receivers[topic] = r
	l.subscribed[topic]++
	l.mu.Unlock()
	gone := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.receivers[topic] != r {
			l.t.Errorf("a node unsubscribes from %s, as it has already", topic)
		}
		delete(l.receivers, topic)
	}
	if subscribe := l.faults.Load().subscribe; subscribe != nil {
		if err := subscribe(ctx, topic); err != nil {
			gone()
			return nil, err
		}
	}
	unsubscribe, err := l.engine.Subscribe(ctx, topic, func(message []byte) {
		if deliver := l.faults.Load().deliver; deliver != nil {
			deliver(topic, message, r.take)
		} else {
			r.take(message)
		}
	})
	if err != nil {
		gone()
		return nil, err
	}
	return func() { gone(); unsubscribe() }, nil
}

func (l *link) Update(ctx context.Context, table string, rows map[string][]byte) error {
	l.check("writes to", table)
	for row := range rows {
		l.check("writes", row)
	}
	l.tables.Store(table, true)
	if store := l.faults.Load().store; store != nil {
		if err := store(ctx); err != nil {
			return err
		}
	}
	return l.engine.Update(ctx, table, rows)
}

func (l *link) Rows(ctx context.Context, table string) (map[string][]byte, error) {
	l.check("reads", table)
	if store := l.faults.Load().store; store != nil {
		if err := store(ctx); err != nil {
			return nil, err
		}
	}
	return l.engine.Rows(ctx, table)
}

const maxTopic = 2048

var topicForm = regexp.MustCompile(`^[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*$`)

// check fails the test for what an engine might take for something else than a topic.
func (l *link) check(does, topic string) {
	if len(topic) > maxTopic || !topicForm.MatchString(topic) {
		l.t.Errorf("a node %s %.100q (%d bytes)", does, topic, len(topic))
	}
}

// topics returns what the node is subscribed to, sorted.
func (l *link) topics() (topics []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for topic := range l.receivers {
		topics = append(topics, topic)
	}
	slices.Sort(topics)
	return topics
}

// counts returns how often the node has subscribed and published to what since the last call.
func (l *link) counts() (subscribed, published map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	subscribed, published = l.subscribed, l.published
	l.subscribed, l.published = map[string]int{}, map[string]int{}
	return subscribed, published
}

// node returns the node's id.
func (l *link) node() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id
}

// hand has the node receive a message on a topic, as if the engine had it.
func (l *link) hand(topic string, message []byte) {
	l.mu.Lock()
	r := l.receivers[topic]
	l.mu.Unlock()
	if r == nil {
		l.t.Errorf("nobody is subscribed to %s", topic)
		return
	}
	r.take(message)
}

// The kinds of messages between nodes.
const (
	ofData byte = iota + 1
	ofPresence
	ofBeat
	ofHello
	ofBye
	ofBuried
	ofAsk
	ofAnswer
)

// The topic on which nodes speak to all others.
const allNodes = "nodes"

// message returns one as a node with that id would send it.
func message(kind byte, node string, seq uint64, body ...byte) []byte {
	b := cluster.AppendString([]byte{1, kind}, node)
	return append(binary.AppendUvarint(b, seq), body...)
}

// parse reads the head of a message that a node sends.
func parse(message []byte) (version, kind byte, node string, ok bool) {
	if len(message) < 2 {
		return 0, 0, "", false
	}
	node, _, err := cluster.CutString(message[2:], 128)
	return message[0], message[1], node, err == nil
}

// delivery is a message as the engine delivers it.
type delivery struct {
	topic string
	text  []byte
}

// record keeps what is delivered.
func record() (f faults, kept func() []delivery) {
	var mu sync.Mutex
	var all []delivery
	f.deliver = func(topic string, m []byte, take func([]byte)) {
		mu.Lock()
		all = append(all, delivery{topic, bytes.Clone(m)})
		mu.Unlock()
		take(m)
	}
	return f, func() []delivery {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}
