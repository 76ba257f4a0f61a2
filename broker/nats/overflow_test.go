package nats_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wsgate/wsgate/broker/nats"
)

// TestSlowReceiver publishes more than a queue takes to a topic whose receive function does not return.
func TestSlowReceiver(t *testing.T) {
	const count = 100 // of 32 KiB, in a lane for 2 MiB
	e := newEngine(t, nil)
	var lines buffer
	a, err := nats.Tuned(e.url(), &nats.Options{Logger: slog.New(slog.NewTextHandler(&lines, nil))}, 1000, 2<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	states := watch(t, a)
	states.up(t)
	b := node(t, e.url())
	begun, end := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(end) })
	t.Cleanup(release)
	var received atomic.Int32
	var once sync.Once
	_, err = a.Subscribe(t.Context(), "slow", func([]byte) {
		once.Do(func() { close(begun) })
		<-end
		received.Add(1)
	})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, b, "slow", "begin")
	<-begun
	for range count {
		publish(t, b, "slow", string(make([]byte, 32<<10)))
	}
	// 2 MiB have room for 63 of them, since each counts for a little more, and the first message is still there.
	eventually(t, "37 lost messages", func() bool { return a.Dropped() == count-63 })
	release()
	eventually(t, "all others", func() bool { return received.Load() == 1+63 })
	publish(t, b, "slow", "there is room again")
	eventually(t, "another one", func() bool { return received.Load() == 1+63+1 })
	if got := a.Dropped(); got != count-63 {
		t.Errorf("Dropped: got %d, want %d", got, count-63)
	}
	if got := strings.Count(lines.String(), "messages are lost"); got != 1 {
		t.Errorf("got %d lines about losses, want one, and another one after ten seconds:\n%s", got, lines.String())
	}
	if len(states) > 0 {
		t.Errorf("Watch: got %v, want nothing", <-states)
	}
}

// TestSlowReceiverIsFair publishes to other topics than the one that has filled the queues.
func TestSlowReceiverIsFair(t *testing.T) {
	const count, topics = 100, 20 // of 32 KiB, in lanes for 2 MiB
	e := newEngine(t, nil)
	a, err := nats.Tuned(e.url(), &nats.Options{Logger: quiet}, 1000, 2<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	watch(t, a).up(t)
	b := node(t, e.url())
	begun, end := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(end) })
	t.Cleanup(release)
	var received atomic.Uint64
	var once sync.Once
	_, err = a.Subscribe(t.Context(), "slow", func([]byte) {
		once.Do(func() { close(begun) })
		<-end
		received.Add(1)
	})
	if err != nil {
		t.Fatal(err)
	}
	padding := string(make([]byte, 32<<10))
	for range count {
		publish(t, b, "slow", padding)
	}
	<-begun
	eventually(t, "lost messages", func() bool { return a.Dropped() > 0 })
	var others []<-chan string
	for i := range topics {
		messages, _ := subscribe(t, a, fmt.Sprint("quick.", i))
		publish(t, b, fmt.Sprint("quick.", i), "one"+padding)
		publish(t, b, fmt.Sprint("quick.", i), "two"+padding)
		others = append(others, messages)
	}
	subscribe(t, a, "last") // after which everything has been put into the queues or is about to be
	release()
	for _, messages := range others {
		expect(t, messages, "one"+padding)
		expect(t, messages, "two"+padding)
	}
	eventually(t, "every message to arrive or count", func() bool { return received.Load()+a.Dropped() == count })
}

// TestSlowServerIsFair publishes to another topic than the one that has filled the queue, while the network takes nothing.
func TestSlowServerIsFair(t *testing.T) {
	e := newEngine(t, nil)
	p := newProxy(t, e)
	a, b := node(t, p.url()), node(t, e.url())
	others, _ := subscribe(t, b, "quiet")
	flood, _ := subscribe(t, b, "flood")
	p.swallow()
	taken := 0
	message := string(make([]byte, 64<<10))
	for a.Publish("flood", []byte(message)) == nil {
		taken++
	}
	for i := range 3 {
		publish(t, a, "quiet", fmt.Sprint(i)+message)
	}
	expectError(t, a.Publish("flood", []byte(message)), "MiB wait to be sent", `"flood"`)
	p.restore()
	for i := range 3 {
		expect(t, others, fmt.Sprint(i)+message)
	}
	lost := int(a.Dropped())
	if lost < 3 || lost > 4 {
		t.Errorf("Dropped: got %d, want the 3 that made room, or 4", lost)
	}
	for range taken - lost {
		expect(t, flood, message)
	}
}

// TestEveryLossCounts leaves no room between nats.go and the inbox, so that nats.go drops messages.
func TestEveryLossCounts(t *testing.T) {
	const topics, each = 10, 2000
	e := newEngine(t, nil)
	a, err := nats.Tuned(e.url(), &nats.Options{Logger: quiet}, 0, 32<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	watch(t, a).up(t)
	b := node(t, e.url())
	var received atomic.Uint64
	var unsubscribe [topics]func()
	for i := range unsubscribe {
		unsubscribe[i], err = a.Subscribe(t.Context(), string(rune('a'+i)), func([]byte) { received.Add(1) })
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := range topics * each {
		publish(t, b, string(rune('a'+n%topics)), "message")
	}
	eventually(t, "every message to arrive or count", func() bool { return received.Load()+a.Dropped() == topics*each })
	before := a.Dropped()
	t.Logf("%d of %d messages were dropped", before, topics*each)
	for _, f := range unsubscribe {
		f()
	}
	subscribe(t, a, "last") // what was unsubscribed before is so by now
	if got := a.Dropped(); got != before {
		t.Errorf("Dropped: got %d after unsubscribing, want %d as before", got, before)
	}
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex // guards following
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
