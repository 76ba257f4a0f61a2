package redis_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate/broker/redis"
)

// lines is a log.
type lines struct {
	mu  sync.Mutex // guards following
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// TestSlowReceive has messages arrive faster than they are taken.
func TestSlowReceive(t *testing.T) {
	const waiting, messages = 10, 100
	var log lines
	server := startServer(t)
	b := connect(t, server.url(), &redis.Options{Logger: log.logger()}, redis.Tuning{Waiting: waiting, Report: time.Hour})
	other := connect(t, server.url(), nil, redis.Tuning{})
	watch(t, b).up(t)
	watch(t, other).up(t)
	busy, free := make(chan struct{}), make(chan struct{})
	r := newRecord[string]("the slow topic")
	if _, err := b.Subscribe(context.Background(), "slow", func(m []byte) {
		if r.add(string(m)); string(m) == "0" {
			close(busy)
			<-free
		}
	}); err != nil {
		t.Fatal(err)
	}
	publish(t, other, "slow", "0")
	<-busy
	for i := range messages {
		publish(t, other, "slow", fmt.Sprint(1+i))
	}
	eventually(t, "all but those that wait to be dropped", func() bool { return b.Dropped() == messages-waiting })
	eventually(t, "a line in the log", func() bool { return log.String() != "" })
	const quick = 20
	others := newRecord[string]("other topics")
	for i := range quick {
		topic := fmt.Sprint("quick.", i)
		if _, err := b.Subscribe(context.Background(), topic, func(m []byte) { others.add(string(m)) }); err != nil {
			t.Fatal(err)
		}
		publish(t, other, topic, topic)
	}
	first := others.wait(t, "messages of topics that another goroutine receives", func(got []string) bool { return len(got) > 0 })
	close(free)
	others.wait(t, "those that the slow topic has made room for", func(got []string) bool { return len(first)+len(got) == quick })
	publish(t, other, "slow", "the last")
	got := r.wait(t, "what waited", func(got []string) bool { return got[len(got)-1] == "the last" })
	for i, m := range got[:len(got)-1] {
		if m != fmt.Sprint(i) {
			t.Errorf("got %q, want the first messages in their order", got)
			break
		}
	}
	if lost := 1 + messages + 1 - len(got); b.Dropped() != uint64(lost) {
		t.Errorf("Dropped: got %d, want the %d that are not there", b.Dropped(), lost)
	}
	if len(got) > 1+waiting+1 {
		t.Errorf("got %d messages, want at most the %d that could wait", len(got)-2, waiting)
	}
	publish(t, other, "slow", "behind")
	expect(t, r, "behind")
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "faster than the App takes them") ||
		!strings.Contains(log.String(), "topic=slow") {
		t.Errorf("the log: got %q, want one line that says why, and for which topic", log.String())
	}
}

// TestSlowServer publishes more than a server takes that is not there any more.
func TestSlowServer(t *testing.T) {
	t.Parallel()
	const waiting = 10
	server := startServer(t)
	proxy := startProxy(t, server.addr)
	b := connect(t, proxy.url(), nil, redis.Tuning{Waiting: waiting, Ping: quick.Ping, Patience: quick.Patience})
	state := watch(t, b)
	state.up(t)
	proxy.hold()
	var taken uint64
	var err error
	for ; err == nil; taken++ {
		err = b.Publish("topic", nil)
	}
	taken--
	if !strings.Contains(err.Error(), "too many messages wait") {
		t.Errorf("Publish: got %v, want an error that says that too many messages wait", err)
	}
	if taken > 2*waiting {
		t.Errorf("Publish took %d messages, want at most %d on their way and as many that wait", taken, waiting)
	}
	state.down(t, "no answer")
	eventually(t, "all that Publish took to be dropped", func() bool { return b.Dropped() == taken })
}

// TestSlowServerIsFair publishes to other topics than the one that has filled the queue, while the server takes nothing.
func TestSlowServerIsFair(t *testing.T) {
	const waiting = 10
	server := startServer(t)
	proxy := startProxy(t, server.addr)
	b := connect(t, proxy.url(), nil, redis.Tuning{Waiting: waiting, Ping: calm.Ping, Patience: calm.Patience})
	other := connect(t, server.url(), nil, redis.Tuning{})
	watch(t, b).up(t)
	watch(t, other).up(t)
	quiet, flood := subscribe(t, other, "quiet"), subscribe(t, other, "flood")
	proxy.hold()
	publish(t, b, "flood", "0")
	proxy.awaitHeld() // from here on the broker waits for an answer, and takes no more of what waits
	taken := 1
	for ; b.Publish("flood", []byte(fmt.Sprint(taken))) == nil; taken++ {
		continue
	}
	for i := range 3 {
		publish(t, b, "quiet", fmt.Sprint(i))
	}
	if err := b.Publish("flood", nil); err == nil || !strings.Contains(err.Error(), `"flood"`) {
		t.Errorf("Publish: got %v, want an error that says for which topic too many messages wait", err)
	}
	proxy.release()
	expectAll(t, quiet, 3)
	lost := int(b.Dropped())
	if lost < 3 || lost > 4 {
		t.Errorf("Dropped: got %d, want the 3 that made room, or 4", lost)
	}
	expectAll(t, flood, taken-lost)
}

// expectAll expects the numbers from 0 on.
func expectAll(t *testing.T, r *record[string], count int) {
	t.Helper()
	got := r.wait(t, fmt.Sprint(count, " messages"), func(got []string) bool { return len(got) >= count })
	for i, m := range got {
		if m != fmt.Sprint(i) {
			t.Fatalf("got %q, want the first %d numbers in their order", got, count)
		}
	}
}

// TestOutputLimit sends a subscriber more than the server keeps for it.
func TestOutputLimit(t *testing.T) {
	server := startServer(t, "--client-output-buffer-limit", "pubsub 256kb 0 0")
	b := connect(t, server.url(), nil, redis.Tuning{})
	state := watch(t, b)
	state.up(t)
	r := subscribe(t, b, "topic")
	publish(t, b, "topic", strings.Repeat("x", 1<<20))
	state.down(t, server.addr)
	state.up(t)
	publish(t, b, "topic", "again")
	expect(t, r, "again")
}
