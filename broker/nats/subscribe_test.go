package nats_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgate/wsgate/broker/nats"
)

func TestOneSubscriptionAtATime(t *testing.T) {
	b := node(t, newEngine(t, nil).url())
	_, unsubscribe := subscribe(t, b, "topic")
	_, err := b.Subscribe(t.Context(), "topic", func([]byte) {})
	expectError(t, err, `"topic"`, "unsubscribe first")
	unsubscribe()
	_, again := subscribe(t, b, "topic")
	unsubscribe() // once more, which does not concern the new one
	messages, _ := subscribe(t, b, "other")
	publish(t, b, "other", "works")
	expect(t, messages, "works")
	if _, err := b.Subscribe(t.Context(), "topic", func([]byte) {}); err == nil {
		t.Error("got no error, want one: unsubscribe of an old subscription has ended the new one")
	}
	again()
}

func TestBadTopic(t *testing.T) {
	b := node(t, newEngine(t, nil).url())
	if _, err := b.Subscribe(t.Context(), "a b", func([]byte) {}); err == nil {
		t.Error("Subscribe: got no error, want one")
	}
	publish(t, b, "a b\r\nPUB x", "")
	eventually(t, "a lost message", func() bool { return b.Dropped() == 1 })
	messages, _ := subscribe(t, b, "a")
	publish(t, b, "a", "works")
	expect(t, messages, "works")
}

// TestManyTopicsBack has 10,000 subscriptions at work as soon as the engine counts as back.
func TestManyTopicsBack(t *testing.T) {
	const count = 10000
	e := newEngine(t, nil)
	a, b := connect(t, e.url()), connect(t, e.url())
	watchA, watchB := watch(t, a), watch(t, b)
	watchA.up(t)
	watchB.up(t)
	var received [count]atomic.Int32
	var total atomic.Int32
	var running sync.WaitGroup
	for i := range count {
		running.Go(func() {
			_, err := a.Subscribe(t.Context(), fmt.Sprint("topic.", i), func([]byte) {
				received[i].Add(1)
				total.Add(1)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	e.stop()
	watchA.down(t)
	watchB.down(t)
	e.start(t)
	watchB.up(t)
	watchA.up(t)
	for i := range count {
		publish(t, b, fmt.Sprint("topic.", i), "back")
	}
	eventually(t, "10,000 messages", func() bool { return total.Load() >= count })
	for i := range received {
		if got := received[i].Load(); got != 1 {
			t.Fatalf("topic %d: got %d messages, want one", i, got)
		}
	}
}

// TestUnrest subscribes, unsubscribes and publishes while the server comes and goes, and then wants every subscription
// that there is to work, and every one that has ended to be silent.
func TestUnrest(t *testing.T) {
	const goroutines, rounds = 8, 4
	e := newEngine(t, nil)
	a, b := connect(t, e.url()), connect(t, e.url())
	watchA, watchB := watch(t, a), watch(t, b)
	for range rounds {
		watchA.up(t)
		watchB.up(t)
		quit := make(chan struct{})
		var running sync.WaitGroup
		last := make([]<-chan string, goroutines)
		ends := make([]func(), goroutines)
		for g := range goroutines {
			running.Go(func() { last[g], ends[g] = unrest(t, a, b, fmt.Sprint("topic.", g), quit) })
		}
		e.stop()
		watchA.down(t)
		watchB.down(t)
		e.start(t)
		watchA.up(t)
		watchB.up(t)
		close(quit)
		running.Wait()
		for g, messages := range last {
			publish(t, b, fmt.Sprint("topic.", g), "the end")
			for await(t, messages) != "the end" {
				// what was on its way
			}
			ends[g]()
		}
		e.stop()
		watchA.down(t)
		watchB.down(t)
		e.start(t)
	}
}

// unrest subscribes and unsubscribes until quit, and leaves a subscription.
func unrest(t *testing.T, a, b *nats.Broker, topic string, quit <-chan struct{}) (<-chan string, func()) {
	for {
		messages := make(chan string, 10000)
		var ended atomic.Bool
		ctx, cancel := context.WithCancel(context.Background())
		if rand.IntN(4) == 0 {
			ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(500))*time.Microsecond)
		}
		unsubscribe, err := a.Subscribe(ctx, topic, func(m []byte) {
			if string(m) == "the end" && ended.Load() {
				t.Errorf("%s: got a message for a subscription that has ended, want none", topic)
			}
			messages <- string(m)
		})
		expired := ctx.Err() != nil
		cancel()
		if err != nil && !expired {
			t.Errorf("%s: got the error %v, want none", topic, err)
			return messages, func() {}
		}
		_ = b.Publish(topic, []byte("meanwhile")) // fails while the server is away
		select {
		case <-quit:
			if err == nil {
				return messages, func() { unsubscribe() }
			}
		default:
			if err == nil {
				unsubscribe()
			}
			ended.Store(true)
		}
	}
}

// TestClosed uses brokers after Close, which sends what was published before.
func TestClosed(t *testing.T) {
	e := newEngine(t, nil)
	b := node(t, e.url())
	messages, _ := subscribe(t, b, "topic")
	for range 20 {
		a := node(t, e.url())
		_, unsubscribe := subscribe(t, a, "topic")
		stop := a.Watch(func(error) {})
		for range 100 {
			publish(t, a, "topic", "before")
		}
		a.Close()
		a.Close()
		for range 100 {
			expect(t, messages, "before")
		}
		unsubscribe()
		stop()
		expectError(t, a.Publish("topic", nil), "closed")
		_, err := a.Subscribe(t.Context(), "topic", func([]byte) {})
		expectError(t, err, "closed")
		expectError(t, a.Update(t.Context(), "table", nil), "closed")
		_, err = a.Rows(t.Context(), "table")
		expectError(t, err, "closed")
		a.Watch(func(err error) { expectError(t, err, "closed") })()
	}
}
