package brokertest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

// patience bounds the wait for required events.
var patience = 30 * time.Second

// soon bounds calls that must not wait for the message broker.
var soon = 5 * time.Second

// record keeps received values in order.
type record[T any] struct {
	mu    sync.Mutex // guards following
	items []T
	added chan struct{} // closed and replaced when a value is added
}

func newRecord[T any]() *record[T] { return &record[T]{added: make(chan struct{})} }

func (r *record[T]) add(item T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items = append(r.items, item)
	close(r.added)
	r.added = make(chan struct{})
}

// now returns the values so far, and a channel that is closed when one is added.
func (r *record[T]) now() (items []T, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.items), r.added
}

// wait waits until the values are enough, and returns them.
func (r *record[T]) wait(t testing.TB, what string, enough func(items []T) bool) []T {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		items, more := r.now()
		if enough(items) {
			return items
		}
		select {
		case <-more:
		case <-late.C:
			t.Fatalf("got %s within %v, want %s", abridged(items), patience, what)
		}
	}
}

// mailbox keeps what a subscription receives.
type mailbox struct {
	topic string
	*record[string]
}

// subscribe subscribes to the topic, which may not fail.
func subscribe(t testing.TB, b wsgate.Broker, topic string) (m mailbox, unsubscribe func()) {
	t.Helper()
	m = mailbox{topic, newRecord[string]()}
	return m, receive(t, b, topic, m.receive)
}

// receive calls f for what is published to the topic.
func receive(t testing.TB, b wsgate.Broker, topic string, f func([]byte)) (unsubscribe func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	unsubscribe, err := b.Subscribe(ctx, topic, f)
	if err != nil {
		t.Fatalf("Subscribe(%s): got the error %q, want none", shown(topic), err)
	}
	return unsubscribe
}

func (m mailbox) receive(message []byte) { m.add(string(message)) }

// expect waits until the message has arrived, and returns all that have.
func (m mailbox) expect(t testing.TB, message string) []string {
	t.Helper()
	return m.wait(t, shown(message)+" of topic "+shown(m.topic), func(messages []string) bool {
		return slices.Contains(messages, message)
	})
}

// settle sends messages back and forth, so that a faulty subscription would have received what it must not.
func settle(t testing.TB, from wsgate.Broker, m mailbox) {
	t.Helper()
	for i := range 20 {
		message := fmt.Sprint("settle ", i)
		publish(t, from, m.topic, message)
		m.expect(t, message)
	}
}

// publish publishes a message, which may not fail.
func publish(t testing.TB, b wsgate.Broker, topic, message string) {
	t.Helper()
	if err := b.Publish(topic, []byte(message)); err != nil {
		t.Fatalf("Publish(%s): got the error %q, want none", shown(topic), err)
	}
}

// states keeps the states that a watcher is told.
type states struct {
	*record[error]
	calls *atomic.Int32 // that run
	stop  func()
}

// watch watches the broker until the test ends, or stop is called.
func watch(t testing.TB, b wsgate.Broker) states {
	t.Helper()
	s := states{record: newRecord[error](), calls: new(atomic.Int32)}
	s.stop = b.Watch(func(err error) {
		if s.calls.Add(1) > 1 {
			t.Error("Watch: got a call of changed while another one runs, want one after the other")
		}
		s.add(err)
		s.calls.Add(-1)
	})
	t.Cleanup(s.stop)
	if told, _ := s.now(); len(told) == 0 {
		t.Fatal("Watch: got no call of changed before it returned, want the state")
	}
	return s
}

// up waits until the message broker is available.
func (s states) up(t testing.TB) {
	t.Helper()
	s.wait(t, "nil as the last state", func(told []error) bool { return told[len(told)-1] == nil })
}

// down waits until the message broker is away.
func (s states) down(t testing.TB) {
	t.Helper()
	s.wait(t, "an error as the last state", func(told []error) bool { return told[len(told)-1] != nil })
}

// node returns a broker that has reached the message broker.
func (c Config) node(t testing.TB) wsgate.Broker {
	t.Helper()
	b := c.New(t)
	s := watch(t, b)
	s.up(t)
	s.stop()
	return b
}

// nodes returns some brokers that have reached the message broker.
func (c Config) nodes(t testing.TB, n int) []wsgate.Broker {
	t.Helper()
	brokers := make([]wsgate.Broker, n)
	for i := range brokers {
		brokers[i] = c.node(t)
	}
	return brokers
}
