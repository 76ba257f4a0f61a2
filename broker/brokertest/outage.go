package brokertest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

// testOutage tests what happens while the message broker is away, and when it is back.
func testOutage(t *testing.T, c Config) {
	if c.Stop == nil || c.Start == nil {
		t.Skip("Config has no Stop and Start, so nothing was tested")
	}
	t.Run("is told to watchers", func(t *testing.T) { testOutageWatched(t, c) })
	t.Run("at the beginning", func(t *testing.T) { testAbsent(t, c) })
	t.Run("Publish fails", func(t *testing.T) { testPublishAway(t, c) })
	t.Run("Subscribe does not wait", func(t *testing.T) { testSubscribeAway(t, c) })
	t.Run("while goroutines subscribe", func(t *testing.T) { testSubscribeMeanwhile(t, c) })
	t.Run("subscriptions come back", func(t *testing.T) { testSubscriptionsBack(t, c) })
	t.Run("closed meanwhile", func(t *testing.T) { testClosedAway(t, c) })
}

// outage takes the message broker away until end is called, or the test ends.
func (c Config) outage(t testing.TB) (end func()) {
	t.Helper()
	c.Stop(t)
	var once sync.Once
	end = func() { once.Do(func() { c.Start(t) }) }
	t.Cleanup(end)
	return end
}

func testOutageWatched(t *testing.T, c Config) {
	nodes := c.nodes(t, 2)
	all := []states{watch(t, nodes[0]), watch(t, nodes[0]), watch(t, nodes[1])}
	stopped := watch(t, nodes[0])
	stopped.stop()
	for range 2 {
		end := c.outage(t)
		for _, s := range all {
			s.down(t)
		}
		if told, _ := watch(t, nodes[0]).now(); told[0] == nil {
			t.Error("a watcher that begins during an outage: got nil, want the error first")
		}
		end()
		for _, s := range all {
			s.up(t)
		}
	}
	if told, _ := stopped.now(); len(told) != 1 {
		t.Errorf("a watcher that was stopped: got %v, want the first state only", told)
	}
}

// testAbsent makes brokers while the message broker is away.
func testAbsent(t *testing.T, c Config) {
	end := c.outage(t)
	var nodes []wsgate.Broker
	within(t, soon, "New", func() { nodes = []wsgate.Broker{c.New(t), c.New(t)} })
	watchers := []states{watch(t, nodes[0]), watch(t, nodes[1])}
	for i, s := range watchers {
		if told, _ := s.now(); told[0] == nil {
			t.Errorf("node %d: got nil without a message broker, want an error", i)
		}
	}
	if err := nodes[0].Publish("absent", []byte("lost")); err == nil {
		t.Error("Publish: got no error without an engine, want one")
	}
	var m mailbox
	within(t, soon, "Subscribe", func() { m, _ = subscribe(t, nodes[0], "absent") })
	end()
	for _, s := range watchers {
		s.up(t)
	}
	publish(t, nodes[1], "absent", "the end")
	if messages := m.expect(t, "the end"); len(messages) != 1 {
		t.Errorf("got %q, want nothing that was published before there was a message broker", messages)
	}
}

// testPublishAway publishes during an outage, and expects that what failed never arrives.
func testPublishAway(t *testing.T, c Config) {
	nodes := c.nodes(t, 2)
	m, _ := subscribe(t, nodes[0], "away")
	watchers := []states{watch(t, nodes[0]), watch(t, nodes[1])}
	for round := range 2 {
		end := c.outage(t)
		for _, s := range watchers {
			s.down(t)
		}
		publishAway(t, nodes[1], "away")
		end()
		for _, s := range watchers {
			s.up(t)
		}
		last := fmt.Sprint("the end of round ", round)
		publish(t, nodes[1], "away", last)
		for _, message := range m.expect(t, last) {
			if strings.HasPrefix(message, "lost") {
				t.Errorf("got %q, want nothing for which Publish returned an error", message)
			}
		}
	}
}

// publishAway publishes until it fails, which it must within a second after a watcher was told of the outage, and then
// a little more.
func publishAway(t testing.TB, b wsgate.Broker, topic string) {
	t.Helper()
	begin := time.Now()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for failures := 0; failures < 100; {
		at := time.Since(begin)
		var err error
		within(t, soon, "Publish", func() { err = b.Publish(topic, fmt.Appendf(nil, "lost %d", failures)) })
		switch {
		case err != nil:
			failures++
		case failures > 0:
			t.Fatal("Publish: got nil after an error while the engine is away, want an error")
		case at > time.Second:
			t.Fatalf("Publish: got nil %v after Watch has told of an outage, want an error", at)
		default:
			<-again.C
		}
	}
}

func testSubscribeAway(t *testing.T, c Config) {
	nodes := c.nodes(t, 2)
	watchers := []states{watch(t, nodes[0]), watch(t, nodes[1])}
	replaced, unsubscribe := subscribe(t, nodes[0], "meanwhile")
	end := c.outage(t)
	for _, s := range watchers {
		s.down(t)
	}
	var m, ended mailbox
	within(t, soon, "Subscribe and unsubscribe", func() {
		unsubscribe()
		m, _ = subscribe(t, nodes[0], "meanwhile")
		ended, unsubscribe = subscribe(t, nodes[0], "meanwhile.ended")
		unsubscribe()
	})
	end()
	for _, s := range watchers {
		s.up(t)
	}
	publish(t, nodes[1], ended.topic, "to nobody")
	settle(t, nodes[1], m)
	if messages, _ := replaced.now(); len(messages) > 0 {
		t.Errorf("got %q for a subscription that ended during the outage, want nothing", messages)
	}
	again, _ := subscribe(t, nodes[0], ended.topic)
	settle(t, nodes[1], again)
	if messages, _ := ended.now(); len(messages) > 0 {
		t.Errorf("got %q for a subscription that began and ended during the outage, want nothing", messages)
	}
}

// testSubscribeMeanwhile takes the message broker away while goroutines wait for their subscriptions.
func testSubscribeMeanwhile(t *testing.T, c Config) {
	const count = 200
	nodes := c.nodes(t, 2)
	watchers := []states{watch(t, nodes[0]), watch(t, nodes[1])}
	boxes := make([]mailbox, count)
	some := make(chan struct{})
	var running sync.WaitGroup
	for i := range boxes {
		boxes[i] = mailbox{fmt.Sprint("interrupted.", i), newRecord[string]()}
		running.Go(func() {
			if i > count/2 {
				<-some
			}
			if _, err := nodes[0].Subscribe(context.Background(), boxes[i].topic, boxes[i].receive); err != nil {
				t.Errorf("Subscribe: got the error %q, want none", err)
			}
			if i == count/2 {
				close(some)
			}
		})
	}
	<-some
	end := c.outage(t)
	for _, s := range watchers {
		s.down(t)
	}
	done := make(chan struct{})
	go func() { // ends with the goroutines above, which the test waits for
		defer close(done)
		running.Wait()
	}()
	await(t, "Subscribe", done)
	end()
	for _, s := range watchers {
		s.up(t)
	}
	expectAll(t, nodes[1], boxes, "the end")
}

// testSubscriptionsBack publishes to all subscriptions as soon as the watchers say that the message broker is back.
func testSubscriptionsBack(t *testing.T, c Config) {
	const count = 1000
	nodes := c.nodes(t, 2)
	watchers := []states{watch(t, nodes[0]), watch(t, nodes[1])}
	boxes := make([]mailbox, count)
	for i := range boxes {
		boxes[i], _ = subscribe(t, nodes[0], fmt.Sprint("back.", i))
	}
	for round := range 2 {
		end := c.outage(t)
		for _, s := range watchers {
			s.down(t)
		}
		end()
		for _, s := range watchers {
			s.up(t)
		}
		expectAll(t, nodes[1], boxes, fmt.Sprint("after outage ", round))
	}
}

// expectAll publishes a message to every mailbox, in reverse order, and waits until each has received it once.
func expectAll(t testing.TB, from wsgate.Broker, boxes []mailbox, message string) {
	t.Helper()
	for _, m := range slices.Backward(boxes) {
		publish(t, from, m.topic, message)
	}
	for _, m := range boxes {
		messages := m.expect(t, message)
		if times := len(slices.DeleteFunc(slices.Clone(messages), func(other string) bool { return other != message })); times != 1 {
			t.Errorf("topic %s: got %q %d times, want it once", shown(m.topic), message, times)
		}
	}
}

// testClosedAway closes brokers during an outage.
func testClosedAway(t *testing.T, c Config) {
	t.Run("stopped", func(t *testing.T) {
		c.outage(t)
		before := runtime.NumGoroutine()
		t.Run("used", func(t *testing.T) {
			b := c.New(t)
			watch(t, b)
			subscribe(t, b, "closed")
		})
		expectGoroutines(t, before)
	})
	c.node(t)
}
