package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// newNode returns a node that was not started: it has topics, and knows no other nodes.
func newNode(t *testing.T) (*cluster.Node, *kit.Broker) {
	broker := kit.NewBroker(t, new(local.Broker))
	n := cluster.New(broker, 1<<20)
	t.Cleanup(n.Close)
	return n, broker
}

func acquire(t *testing.T, n *cluster.Node, topic string) {
	t.Helper()
	if err := n.Acquire(t.Context(), topic, ignore); err != nil {
		t.Fatal(err)
	}
}

const idle = 5 * time.Second // how long a topic is kept that nobody needs

func TestSubscribedOnce(t *testing.T) {
	kit.Bubble(t, "one after the other", func(t *testing.T) {
		n, broker := newNode(t)
		for range 100 {
			acquire(t, n, "a")
		}
		broker.Calls.WantNext(t, "subscribe a")
		for range 99 {
			n.Release("a")
		}
		wstest.Pass(time.Hour)
		broker.Calls.WantNext(t)
		n.Release("a")
		wstest.Pass(idle)
		broker.Calls.WantNext(t, "unsubscribe a")
		if got := n.Topics(); got != 0 {
			t.Errorf("got %d topics, want 0", got)
		}
	})
	kit.Bubble(t, "all at once", func(t *testing.T) {
		n, broker := newNode(t)
		broker.Before("Subscribe", func(context.Context, string) error { rest(time.Second); return nil })
		begin := time.Now()
		var waiting sync.WaitGroup
		for range 100 {
			waiting.Go(func() {
				acquire(t, n, "a")
				if took := time.Since(begin); took != time.Second {
					t.Errorf("Acquire returned after %v, want after the engine's second", took)
				}
			})
		}
		waiting.Wait()
		broker.Calls.WantNext(t, "subscribe a")
		if got := n.Topics(); got != 1 {
			t.Errorf("got %d topics, want 1", got)
		}
	})
}

func TestIdleTopics(t *testing.T) {
	kit.Bubble(t, "whoever comes back in time costs nothing", func(t *testing.T) {
		n, broker := newNode(t)
		acquire(t, n, "a")
		for range 10 {
			n.Release("a")
			wstest.Pass(idle - time.Nanosecond)
			acquire(t, n, "a")
		}
		broker.Calls.WantNext(t, "subscribe a")
		n.Release("a")
		wstest.Pass(idle - time.Nanosecond)
		broker.Calls.WantNext(t)
		wstest.Pass(time.Nanosecond)
		broker.Calls.WantNext(t, "unsubscribe a")
		acquire(t, n, "a")
		broker.Calls.WantNext(t, "subscribe a")
	})
	kit.Bubble(t, "each has its own time", func(t *testing.T) {
		n, broker := newNode(t)
		topics := []string{"a", "b", "c"}
		for _, topic := range topics {
			acquire(t, n, topic)
		}
		broker.Calls.Take()
		for _, topic := range topics {
			n.Release(topic)
			wstest.Pass(time.Second)
		}
		wstest.Pass(idle - 3*time.Second)
		for _, topic := range topics {
			broker.Calls.WantNext(t, "unsubscribe "+topic)
			wstest.Pass(time.Second)
		}
	})
	kit.Bubble(t, "not even for a moment", func(t *testing.T) {
		n, broker := newNode(t)
		acquire(t, n, "a")
		for range 1000 { // at one instant
			n.Release("a")
			acquire(t, n, "a")
		}
		wstest.Pass(time.Minute)
		broker.Calls.WantNext(t, "subscribe a")
	})
}

// Of the topics that nobody needs ten thousand stay, those that were needed last.
func TestIdleTopicsAreBounded(t *testing.T) {
	const most = 10_000
	kit.Bubble(t, "", func(t *testing.T) {
		n, broker := newNode(t)
		acquire(t, n, "needed")
		acquire(t, n, "needed-again")
		n.Release("needed-again")
		for i := range most {
			topic := fmt.Sprint("t", i)
			acquire(t, n, topic)
			n.Release(topic)
			if i == most/2 {
				acquire(t, n, "needed-again")
			}
		}
		if got := n.Topics(); got != most+2 {
			t.Errorf("got %d topics, want %d", got, most+2)
		}
		n.Release("needed-again") // is the youngest now
		broker.Calls.Take()
		for i := range 10 {
			topic := fmt.Sprint("u", i)
			acquire(t, n, topic)
			broker.Calls.WantNext(t, "subscribe "+topic)
			n.Release(topic)
			broker.Calls.WantNext(t, fmt.Sprint("unsubscribe t", i+1)) // at once; t0 went for what was needed again
			if got := n.Topics(); got != most+1 {
				t.Errorf("got %d topics, want %d", got, most+1)
			}
		}
		acquire(t, n, "needed-again")
		acquire(t, n, "t9999")
		broker.Calls.WantNext(t)
		acquire(t, n, "t5")
		broker.Calls.WantNext(t, "subscribe t5")
		wstest.Pass(idle)
		if got := broker.Subscribed(); len(got) != 4 {
			t.Errorf("got %d topics, want the 4 that are needed", len(got))
		}
	})
	kit.Bubble(t, "ending takes its time", func(t *testing.T) {
		n, broker := newNode(t)
		broker.Before("unsubscribe", func(context.Context, string) error { rest(time.Second); return nil })
		var busy sync.WaitGroup
		for i := range most + 2000 {
			busy.Go(func() {
				topic := fmt.Sprint("t", i%(most+1000)) // some are needed while they end
				acquire(t, n, topic)
				n.Release(topic)
			})
		}
		busy.Wait()
		if got := n.Topics(); got > most {
			t.Errorf("got %d topics, want %d at most", got, most)
		}
		wstest.Pass(10 * time.Hour)
		if got := broker.Subscribed(); len(got) > 0 {
			t.Errorf("got %d topics, want none", len(got))
		}
	})
}

// Who comes to a topic that is ending waits for that, but not for longer than it has time.
func TestComesToAnEndingTopic(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		n, broker := newNode(t)
		broker.Before("unsubscribe", func(context.Context, string) error { rest(time.Minute); return nil })
		acquire(t, n, "a")
		n.Release("a")
		wstest.Pass(idle)
		cause := errors.New("the client has gone")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		if err := n.Acquire(ctx, "a", ignore); err != cause {
			t.Errorf("got %v, want %v", err, cause)
		}
		acquire(t, n, "a")
		broker.Calls.WantNext(t, "subscribe a", "unsubscribe a", "subscribe a")
	})
}

// Subscriptions in the making for which nobody waits any more count among those that nobody needs: the oldest is given up,
// and whoever comes to one that is left gets it.
func TestNobodyWaits(t *testing.T) {
	const most = 10_000
	for _, late := range []bool{false, true} {
		kit.Bubble(t, fmt.Sprint("made all the same ", late), func(t *testing.T) {
			n, broker := newNode(t)
			broker.Late = late
			broker.Before("Subscribe", func(ctx context.Context, topic string) error {
				select {
				case <-time.After(3 * time.Second):
				case <-ctx.Done():
					if !late {
						return context.Cause(ctx)
					}
				}
				return nil
			})
			ctx, cancel := context.WithCancel(t.Context())
			var waiting sync.WaitGroup
			for i := range most {
				waiting.Go(func() {
					if err := n.Acquire(ctx, fmt.Sprint("t", i), ignore); !errors.Is(err, context.Canceled) {
						t.Errorf("got %v, want the end of the context", err)
					}
				})
			}
			wstest.Pass(time.Second)
			cancel()
			waiting.Wait()
			if got := n.Topics(); got != most {
				t.Errorf("got %d topics in the making, want %d", got, most)
			}
			for i := range 10 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
				defer cancel()
				_ = n.Acquire(ctx, fmt.Sprint("u", i), ignore)
				synctest.Wait()
			}
			if got := n.Topics(); got != most {
				t.Errorf("got %d topics in the making, want %d", got, most)
			}
			begin := time.Now()
			acquire(t, n, "u9")
			if took := time.Since(begin); took > 3*time.Second {
				t.Errorf("Acquire took %v, want what was left of 3 s", took)
			}
			wstest.Pass(time.Minute)
			if got := broker.Subscribed(); !slices.Equal(got, []string{"u9"}) {
				t.Errorf("got %d topics, want the one that is needed", len(got))
			}
		})
	}
}

// A node that is alone needs nothing and keeps nothing.
func TestAlone(t *testing.T) {
	n := cluster.New(nil, 1<<20)
	defer n.Close()
	for i := range 10_000 {
		topic := fmt.Sprint("t", i)
		acquire(t, n, topic)
		if err := n.Publish(topic, cluster.Data, func(b []byte) []byte { t.Error("a message is written"); return b }); err != nil {
			t.Error(err)
		}
		if i%2 == 0 {
			n.Release(topic)
		}
	}
	if err := request(t.Context(), n, []byte("anybody?")); err != nil {
		t.Error(err)
	}
	if got := n.Topics(); got != 0 {
		t.Errorf("got %d topics, want none", got)
	}
}

// While several need a topic, the first one's receive is called, whoever goes.
func TestWhoReceives(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		n, broker := newNode(t)
		var got kit.Journal
		for _, name := range []string{"first", "second"} {
			err := n.Acquire(t.Context(), "a", func(m cluster.Message) { got.Add("%s %s", name, m.Body) })
			if err != nil {
				t.Fatal(err)
			}
		}
		other := kit.NewForgedNode(t, broker.Broker, "other")
		other.Publish("a", kit.NodeData, "1")
		n.Release("a")
		other.Publish("a", kit.NodeData, "2")
		n.Release("a")
		other.Publish("a", kit.NodeData, "3") // is still subscribed to
		wstest.Pass(idle)
		other.Publish("a", kit.NodeData, "4")
		got.WantNext(t, "first 1", "first 2", "first 3")
	})
}

var errRefused = errors.New("no more subscriptions")

func TestSubscribeFails(t *testing.T) {
	kit.Bubble(t, "for all that wait", func(t *testing.T) {
		n, broker := newNode(t)
		broker.Before("Subscribe", func(context.Context, string) error { rest(time.Second); return errRefused })
		var waiting sync.WaitGroup
		for range 50 {
			waiting.Go(func() {
				if err := n.Acquire(t.Context(), "a", ignore); !errors.Is(err, errRefused) {
					t.Errorf("got %v, want %v", err, errRefused)
				}
			})
		}
		waiting.Wait()
		if got := n.Topics(); got != 0 {
			t.Errorf("got %d topics, want 0", got)
		}
		broker.Before("Subscribe", nil)
		acquire(t, n, "a")
		wstest.Pass(time.Minute) // whose release was not called must not end it
		broker.Calls.WantNext(t, "subscribe a")
	})
	kit.Bubble(t, "a silent engine has 5 s", func(t *testing.T) {
		n, broker := newNode(t)
		broker.Before("Subscribe", func(ctx context.Context, _ string) error { <-ctx.Done(); return context.Cause(ctx) })
		begin := time.Now()
		if err := n.Acquire(t.Context(), "a", ignore); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("Acquire took %v, want 5s", took)
		}
		if got := n.Topics(); got != 0 {
			t.Errorf("got %d topics, want 0", got)
		}
	})
}

// Who does not wait any longer leaves nothing behind, and takes nothing from the others.
func TestWaiterGivesUp(t *testing.T) {
	for _, ends := range []bool{true, false} {
		kit.Bubble(t, fmt.Sprintf("the first stays %v", ends), func(t *testing.T) {
			n, broker := newNode(t)
			broker.Before("Subscribe", func(context.Context, string) error { rest(3 * time.Second); return nil })
			first := make(chan error)
			go func() { first <- n.Acquire(t.Context(), "a", ignore) }()
			wstest.Pass(0)
			var waiting sync.WaitGroup
			cause := errors.New("the client has gone")
			for range 10 {
				waiting.Go(func() {
					ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
					defer cancel()
					if err := n.Acquire(ctx, "a", ignore); err != cause {
						t.Errorf("got %v, want %v", err, cause)
					}
				})
			}
			waiting.Wait()
			if err := <-first; err != nil {
				t.Error(err)
			}
			if !ends {
				n.Release("a")
			}
			wstest.Pass(time.Minute)
			want := []string{"subscribe a"}
			if !ends {
				want = append(want, "unsubscribe a")
			}
			broker.Calls.WantNext(t, want...)
		})
	}
}

// The first one makes the subscription for all: that it gives up itself is not their business.
func TestFirstGivesUp(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		n, broker := newNode(t)
		broker.Before("Subscribe", func(ctx context.Context, _ string) error {
			select {
			case <-time.After(3 * time.Second):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		first := make(chan error)
		go func() { first <- n.Acquire(ctx, "a", ignore) }()
		wstest.Pass(0)
		acquire(t, n, "a")
		if err := <-first; err == nil {
			n.Release("a")
		}
		wstest.Pass(time.Minute)
		broker.Calls.WantNext(t, "subscribe a")
		n.Release("a")
		wstest.Pass(idle)
		broker.Calls.WantNext(t, "unsubscribe a")
	})
}

func TestCloseCancelsAll(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		n, broker := newNode(t)
		acquire(t, n, "needed")
		acquire(t, n, "idle")
		n.Release("idle")
		broker.Before("Subscribe", func(context.Context, string) error { rest(2 * time.Second); return nil })
		pending := make(chan error)
		go func() { pending <- n.Acquire(t.Context(), "pending", ignore) }()
		wstest.Pass(time.Second)
		broker.Calls.Take()
		n.Close()
		broker.Calls.WantNextInAnyOrder(t, "unsubscribe idle", "unsubscribe needed") // the pending one has ended with the node
		if err := <-pending; err != nil {
			t.Error(err)
		}
		for _, topic := range []string{"needed", "pending", "never"} {
			n.Release(topic)
			if err := n.Acquire(t.Context(), topic, ignore); err != nil {
				t.Errorf("after Close: %v", err)
			}
		}
		wstest.Pass(time.Minute)
		broker.Calls.WantNext(t)
	})
}

// Close while an idle topic is being given up ends it once, and waits for that.
func TestCloseWhileIdleTopicsEnd(t *testing.T) {
	kit.Bubble(t, "", func(t *testing.T) {
		n, broker := newNode(t)
		broker.Before("unsubscribe", func(context.Context, string) error { rest(time.Millisecond); return nil })
		for i := range 20 {
			topic := fmt.Sprint("t", i)
			acquire(t, n, topic)
			n.Release(topic)
		}
		wstest.Pass(idle + 5*time.Millisecond)
		n.Close()
		if live := broker.Subscribed(); len(live) > 0 {
			t.Errorf("got %q after Close, want none", live)
		}
	})
}
