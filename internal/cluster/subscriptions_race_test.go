package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// TestLastLeavesFirstJoins has a thousand goroutines come to a few topics and leave them, so that topics are given up
// at the very instant in which somebody comes: all times are multiples of half of the time that an idle topic is kept.
// The broker holds them to one subscription to a topic at a time; in the end exactly what is needed is subscribed to.
func TestLastLeavesFirstJoins(t *testing.T) {
	const goroutines, rounds = 1000, 20
	for _, engine := range []struct {
		name                   string
		subscribe, unsubscribe time.Duration
		fails                  bool
	}{
		{name: "at once"},
		{name: "slow", subscribe: 300 * time.Millisecond, unsubscribe: time.Millisecond},
		{name: "as slow as idle topics", subscribe: idle / 2, unsubscribe: idle / 2},
		{name: "fails now and then", subscribe: 100 * time.Millisecond, fails: true},
	} {
		kit.Bubble(t, engine.name, func(t *testing.T) {
			n, broker := newNode(t)
			broker.Before("Subscribe", func(context.Context, string) error {
				rest(engine.subscribe)
				if engine.fails && rand.IntN(3) == 0 {
					return errRefused
				}
				return nil
			})
			broker.Before("unsubscribe", func(context.Context, string) error { rest(engine.unsubscribe); return nil })
			var held sync.Map // topic -> true: what somebody has in the end
			var running sync.WaitGroup
			for i := range goroutines {
				running.Go(func() {
					for round := range rounds {
						// One of the topics has 2 visitors at a time on average, the others fewer.
						topic := fmt.Sprint("t", rand.IntN(1+i))
						err := n.Acquire(t.Context(), topic, ignore)
						if err != nil && !(engine.fails && errors.Is(err, errRefused)) {
							t.Error(err)
						}
						if rand.IntN(2) == 0 {
							rest(time.Duration(rand.IntN(3)) * idle / 2)
						}
						switch {
						case err != nil:
						case round == rounds-1 && i%100 == 0:
							held.Store(topic, true)
						default:
							n.Release(topic)
						}
						rest(time.Duration(rand.IntN(4)) * idle / 2)
					}
				})
			}
			running.Wait()
			wstest.Pass(time.Hour)
			var want []string
			held.Range(func(topic, _ any) bool { want = append(want, topic.(string)); return true })
			slices.Sort(want)
			if got := broker.Subscribed(); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if got := n.Topics(); got != len(want) {
				t.Errorf("got %d topics, want %d", got, len(want))
			}
			n.Close()
			if got := broker.Subscribed(); len(got) > 0 {
				t.Errorf("got %q after Close, want none", got)
			}
		})
	}
}

// TestOneTopicOfManyGoroutines is the same for a single topic and real concurrency: nobody has it without its
// subscription.
func TestOneTopicOfManyGoroutines(t *testing.T) {
	broker := kit.NewBroker(t, new(local.Broker))
	n := cluster.New(broker, 1<<20)
	defer n.Close()
	var running sync.WaitGroup
	for range 1000 {
		running.Go(func() {
			for range 50 {
				acquire(t, n, "a")
				if live := broker.Subscribed(); len(live) != 1 {
					t.Errorf("got %q, want the topic", live)
				}
				n.Release("a")
			}
		})
	}
	running.Wait()
}

// TestCloseRaces closes nodes while others acquire and release.
func TestCloseRaces(t *testing.T) {
	for range 100 {
		broker := kit.NewBroker(t, new(local.Broker))
		broker.Before("Subscribe", func(context.Context, string) error { runtime.Gosched(); return nil })
		n := cluster.New(broker, 1<<20)
		var running sync.WaitGroup
		begin := make(chan struct{})
		for i := range 16 {
			running.Go(func() {
				<-begin
				for j := range 50 {
					topic := fmt.Sprint("t", (i+j)%5)
					if err := n.Acquire(t.Context(), topic, ignore); err != nil {
						t.Error(err)
					}
					n.Release(topic)
				}
			})
		}
		running.Go(func() { <-begin; n.Close() })
		close(begin)
		running.Wait()
		if live := broker.Subscribed(); len(live) > 0 || n.Topics() > 0 {
			t.Fatalf("got %q and %d topics after Close, want none", live, n.Topics())
		}
	}
}
