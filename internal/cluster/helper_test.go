package cluster_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/local"
)

// bubble runs a subtest in fake time.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// pass lets fake time pass, and waits until everybody has done what the time had them do.
func pass(d time.Duration) {
	synctest.Wait()
	rest(d)
	synctest.Wait()
}

// rest waits for fake time. It makes no timers for no time: the race detector of go1.26 does not survive many of them in
// a bubble.
func rest(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

// journal is a list of what happened, in order.
type journal struct {
	mu    sync.Mutex // guards following
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// take returns what has happened since the last call.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

// want fails the test unless exactly this has happened since the last call.
func (j *journal) want(t testing.TB, want ...string) {
	t.Helper()
	if got := j.take(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// wantAny is want, in any order.
func (j *journal) wantAny(t testing.TB, want ...string) {
	t.Helper()
	got := j.take()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// strictBroker is one node's way to an engine in memory. It holds the node to the contract: one subscription to a topic
// at a time, each ended once.
type strictBroker struct {
	*local.Broker
	t     testing.TB
	calls journal

	subscribing   func(ctx context.Context, topic string) error // nil for an engine that confirms at once
	unsubscribing func(topic string)                            // nil likewise
	late          bool                                          // it subscribes although the context has ended

	mu   sync.Mutex // guards following
	live map[string]bool
}

func newStrictBroker(t testing.TB, engine *local.Broker) *strictBroker {
	return &strictBroker{Broker: engine, t: t, live: map[string]bool{}}
}

func (b *strictBroker) Subscribe(ctx context.Context, topic string, receive func([]byte)) (func(), error) {
	b.enter(topic)
	if b.subscribing != nil {
		if err := b.subscribing(ctx, topic); err != nil {
			b.exit(topic)
			return nil, err
		}
	}
	if b.late {
		ctx = context.WithoutCancel(ctx)
	}
	end, err := b.Broker.Subscribe(ctx, topic, receive)
	if err != nil {
		b.exit(topic)
		return nil, err
	}
	b.calls.add("subscribe %s", topic)
	return func() {
		b.calls.add("unsubscribe %s", topic)
		if b.unsubscribing != nil {
			b.unsubscribing(topic)
		}
		end()
		b.exit(topic)
	}, nil
}

func (b *strictBroker) enter(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live[topic] {
		b.t.Errorf("subscribed to %s although it is", topic)
	}
	b.live[topic] = true
}

func (b *strictBroker) exit(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.live[topic] {
		b.t.Errorf("unsubscribed from %s twice", topic)
	}
	delete(b.live, topic)
}

// subscribed returns the topics that are subscribed to, or about to be, sorted.
func (b *strictBroker) subscribed() (topics []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for topic := range b.live {
		topics = append(topics, topic)
	}
	slices.Sort(topics)
	return topics
}

// ignore takes any message.
func ignore(cluster.Message) {}

// The kinds as they stand on the wire. Nodes of several versions talk to each other, so they do not change.
const (
	wireData     = 1
	wirePresence = 2
	wireBeat     = 3
	wireHello    = 4
	wireBye      = 5
	wireBuried   = 6
	wireAsk      = 7
	wireAnswer   = 8
)

// wire returns a message as it comes from the engine, made of nothing but what the format says.
func wire(kind byte, node string, seq uint64, body string) []byte {
	b := []byte{1, kind}
	b = binary.AppendUvarint(b, uint64(len(node)))
	b = append(b, node...)
	b = binary.AppendUvarint(b, seq)
	return append(b, body...)
}

// forged is a node that does nothing but what the test does in its name.
type forged struct {
	t      testing.TB
	engine *local.Broker
	id     string
	seq    uint64
}

// say publishes a message to a topic.
func (f *forged) say(topic string, kind byte, body string) {
	f.t.Helper()
	f.seq++
	if err := f.engine.Publish(topic, wire(kind, f.id, f.seq, body)); err != nil {
		f.t.Error(err)
	}
}

// member is a started node whose events are noted.
type member struct {
	*cluster.Node
	happened journal
	asked    func(body []byte) // nil does nothing
	left     sync.Once
}

// leave has the node leave its cluster, once.
func (m *member) leave() { m.left.Do(m.Close) }

// start starts a node. It leaves its cluster at the end of the test.
func start(t testing.TB, broker cluster.Broker) *member {
	t.Helper()
	m := &member{Node: cluster.New(broker, 1<<20)}
	err := m.Start(t.Context(), false, cluster.Events{
		State:   func(err error) { m.happened.add("state %v", err) },
		Dead:    func(node string) { m.happened.add("dead %s", node) },
		Revived: func() { m.happened.add("revived") },
		OnRequest: func(body []byte) bool {
			m.happened.add("asked %s", body)
			if m.asked != nil {
				m.asked(body)
			}
			return true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.leave)
	return m
}
