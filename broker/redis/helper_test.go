package redis_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/broker/redis"
)

var (
	// quick finds out soon that a server does not answer.
	quick = redis.Tuning{Ping: 50 * time.Millisecond, Patience: time.Second, PauseMax: 200 * time.Millisecond}
	// calm waits for a server that does not answer.
	calm = redis.Tuning{Ping: time.Hour, Patience: time.Hour}
	// hasty asks often whether everything is well, and tries again soon.
	hasty = redis.Tuning{Ping: 50 * time.Millisecond, PauseMax: 200 * time.Millisecond}
)

// connect makes a broker that is closed when the test ends.
func connect(t testing.TB, url string, opts *redis.Options, change redis.Tuning) *redis.Broker {
	t.Helper()
	if opts == nil {
		opts = &redis.Options{Logger: slog.New(slog.DiscardHandler)}
	}
	b, err := redis.NewTuned(url, opts, change)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// record keeps what came, in the order in which it came.
type record[T any] struct {
	what string

	mu    sync.Mutex // guards following
	items []T
	added chan struct{} // closed and replaced when something comes
}

func newRecord[T any](what string) *record[T] {
	return &record[T]{what: what, added: make(chan struct{})}
}

func (r *record[T]) add(item T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items = append(r.items, item)
	close(r.added)
	r.added = make(chan struct{})
}

func (r *record[T]) now() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.items)
}

// wait waits until what came is enough, and takes it away.
func (r *record[T]) wait(t testing.TB, what string, enough func(items []T) bool) []T {
	t.Helper()
	return r.take(t, what, func(items []T) (n int, ok bool) { return len(items), enough(items) })
}

// take waits until there is what can be taken, and takes the first n items away.
func (r *record[T]) take(t testing.TB, what string, first func(items []T) (n int, ok bool)) []T {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		r.mu.Lock()
		items, added := r.items, r.added
		n, ok := first(items)
		if ok {
			r.items = items[n:]
			r.mu.Unlock()
			return items[:n:n]
		}
		r.mu.Unlock()
		select {
		case <-added:
		case <-late.C:
			t.Fatalf("%s: got %.1000v within %v, want %s", r.what, items, patience, what)
		}
	}
}

// states are what a watcher hears.
type states struct{ *record[error] }

// watch watches a broker until the test ends.
func watch(t testing.TB, b *redis.Broker) states {
	t.Helper()
	s := states{newRecord[error]("the watcher")}
	t.Cleanup(b.Watch(s.add))
	return s
}

// up waits until the server is there, and stays there.
func (s states) up(t testing.TB) {
	t.Helper()
	s.take(t, "nil as the last state", func(told []error) (int, bool) {
		last := len(told) - 1
		return last, last >= 0 && told[last] == nil
	})
}

// down waits for an error with these words.
func (s states) down(t testing.TB, words string) {
	t.Helper()
	s.take(t, "an error with "+words, func(told []error) (int, bool) {
		i := slices.IndexFunc(told, func(err error) bool { return err != nil && strings.Contains(err.Error(), words) })
		return i + 1, i >= 0
	})
}

// subscribe subscribes to a topic, which may not fail.
func subscribe(t testing.TB, b wsgate.Broker, topic string) *record[string] {
	t.Helper()
	r := newRecord[string]("topic " + topic)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := b.Subscribe(ctx, topic, func(message []byte) { r.add(string(message)) }); err != nil {
		t.Fatalf("Subscribe(%s): %v", topic, err)
	}
	return r
}

// publish publishes a message, which may not fail.
func publish(t testing.TB, b wsgate.Broker, topic, message string) {
	t.Helper()
	if err := b.Publish(topic, []byte(message)); err != nil {
		t.Fatalf("Publish(%s): %v", topic, err)
	}
}

// expect waits for the message, and expects no others.
func expect(t testing.TB, r *record[string], message string) {
	t.Helper()
	got := r.wait(t, message, func(messages []string) bool { return slices.Contains(messages, message) })
	if len(got) != 1 {
		t.Errorf("%s: got %.1000q, want %q only", r.what, got, message)
	}
}
