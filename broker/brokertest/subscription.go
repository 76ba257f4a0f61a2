package brokertest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

// testSubscription tests how subscriptions begin and end.
func testSubscription(t *testing.T, c Config) {
	t.Run("ends with unsubscribe", func(t *testing.T) { testUnsubscribe(t, c) })
	t.Run("begins again at once", func(t *testing.T) { testAgain(t, c) })
	t.Run("outlives its context", func(t *testing.T) { testOutlives(t, c) })
	t.Run("with a context that has ended", func(t *testing.T) { testEndedContext(t, c) })
	t.Run("ends within receive", func(t *testing.T) { testUnsubscribeWithin(t, c) })
	t.Run("many at once", func(t *testing.T) { testManyAtOnce(t, c) })
	t.Run("come and go", func(t *testing.T) { testChurn(t, c) })
}

// testUnsubscribe publishes after unsubscribe has returned, and then to a new subscription: when that has its messages,
// the old one would have received the earlier ones.
func testUnsubscribe(t *testing.T, c Config) {
	nodes := c.nodes(t, 2)
	var ended []mailbox
	for round := range 50 {
		topic := fmt.Sprint("ended.", round)
		old, unsubscribe := subscribe(t, nodes[0], topic)
		publish(t, nodes[1], topic, "before")
		old.expect(t, "before")
		within(t, soon, "unsubscribe", unsubscribe)
		publish(t, nodes[1], topic, "after")
		next, unsubscribe := subscribe(t, nodes[0], topic)
		settle(t, nodes[1], next)
		unsubscribe()
		ended = append(ended, old)
	}
	// The scheduler prefers the goroutine woken last: those that deliver to the old ones may not have run at all.
	for range 100 {
		runtime.Gosched()
	}
	for round, old := range ended {
		if messages, _ := old.now(); len(messages) != 1 {
			t.Fatalf("round %d: got %q, want nothing that was published after unsubscribe had returned", round, messages)
		}
	}
}

func testAgain(t *testing.T, c Config) {
	nodes := c.nodes(t, 2)
	unsubscribe := func() {}
	for i := range 300 {
		unsubscribe()
		var m mailbox
		m, unsubscribe = subscribe(t, nodes[0], "again")
		publish(t, nodes[1], "again", fmt.Sprint(i))
		m.expect(t, fmt.Sprint(i))
	}
}

func testOutlives(t *testing.T, c Config) {
	nodes := c.nodes(t, 2)
	m := mailbox{"outlives", newRecord[string]()}
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := nodes[0].Subscribe(ctx, m.topic, m.receive); err != nil {
		t.Fatal(err)
	}
	cancel()
	for i := range 10 {
		publish(t, nodes[1], m.topic, fmt.Sprint(i))
		m.expect(t, fmt.Sprint(i))
	}
}

// testEndedContext accepts a broker that subscribes without having to wait, and one that does not.
func testEndedContext(t *testing.T, c Config) {
	nodes := c.nodes(t, 2)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancelLate := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancelLate()
	for name, ctx := range map[string]context.Context{"cancelled": cancelled, "late": late} {
		t.Run(name, func(t *testing.T) {
			old := mailbox{"context." + name, newRecord[string]()}
			unsubscribe, err := nodes[0].Subscribe(ctx, old.topic, old.receive)
			if err == nil {
				publish(t, nodes[1], old.topic, "subscribed")
				old.expect(t, "subscribed")
				unsubscribe()
				return
			}
			if !errors.Is(err, ctx.Err()) {
				t.Errorf("got the error %q, want one that is %q", err, ctx.Err())
			}
			next, _ := subscribe(t, nodes[0], old.topic)
			for range 10 {
				settle(t, nodes[1], next)
				runtime.Gosched() // two goroutines that wake each other can keep a third from running
			}
			if messages, _ := old.now(); len(messages) > 0 {
				t.Errorf("got %q for a subscription that was refused, want nothing", messages[0])
			}
		})
	}
}

func testUnsubscribeWithin(t *testing.T, c Config) {
	nodes := c.nodes(t, 2)
	subscribed, ended := make(chan struct{}), make(chan struct{})
	var unsubscribe func()
	var once sync.Once
	unsubscribe = receive(t, nodes[0], "within", func([]byte) {
		<-subscribed
		once.Do(func() {
			unsubscribe()
			close(ended)
		})
	})
	close(subscribed)
	publish(t, nodes[1], "within", "the end")
	await(t, "unsubscribe within receive", ended)
	m, _ := subscribe(t, nodes[0], "within")
	publish(t, nodes[1], "within", "again")
	m.expect(t, "again")
}

// testManyAtOnce subscribes to 1,000 topics from as many goroutines; others publish to each as soon as it is
// subscribed.
func testManyAtOnce(t *testing.T, c Config) {
	const count = 1000
	nodes := c.nodes(t, 2)
	boxes := make([]mailbox, count)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var running sync.WaitGroup
	for i := range boxes {
		boxes[i] = mailbox{fmt.Sprint("many.", i), newRecord[string]()}
		running.Go(func() {
			if _, err := nodes[0].Subscribe(ctx, boxes[i].topic, boxes[i].receive); err != nil {
				t.Errorf("Subscribe: got the error %q, want none", err)
			} else if err := nodes[1].Publish(boxes[i].topic, []byte(boxes[i].topic)); err != nil {
				t.Errorf("Publish: got the error %q, want none", err)
			}
		})
	}
	running.Wait()
	if t.Failed() {
		return
	}
	expectOwn(t, boxes)
}

// expectOwn waits until every mailbox has its own topic's name, and expects nothing else in it.
func expectOwn(t testing.TB, boxes []mailbox) {
	t.Helper()
	for _, m := range boxes {
		m.expect(t, m.topic)
	}
	for _, m := range boxes {
		if messages, _ := m.now(); !slices.Equal(messages, []string{m.topic}) {
			t.Errorf("topic %s: got %s, want its own message", shown(m.topic), abridged(messages))
		}
	}
}

// testChurn subscribes and unsubscribes from several goroutines while messages arrive.
func testChurn(t *testing.T, c Config) {
	nodes := c.nodes(t, 2)
	var running sync.WaitGroup
	for g := range 8 {
		running.Go(func() {
			for i := range 50 {
				if err := comeAndGo(nodes, fmt.Sprint("churn.", g), fmt.Sprint(i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
}

func comeAndGo(nodes []wsgate.Broker, topic, message string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	arrived := make(chan struct{})
	var once sync.Once
	unsubscribe, err := nodes[0].Subscribe(ctx, topic, func(m []byte) {
		if string(m) == message {
			once.Do(func() { close(arrived) })
		}
	})
	if err != nil {
		return fmt.Errorf("Subscribe(%q): %w", topic, err)
	}
	defer unsubscribe()
	for range 3 {
		if err := nodes[1].Publish(topic, []byte(message)); err != nil {
			return fmt.Errorf("Publish(%q): %w", topic, err)
		}
	}
	select {
	case <-arrived:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("topic %q: got nothing for %v, want %q", topic, patience, message)
	}
}
