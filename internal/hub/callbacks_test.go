package hub_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Callbacks run one after another, whatever those before do; of more than a hundred that wait the rest is dropped.
func TestCallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, nil, nil)
		proceed := make(chan bool)
		var called []int
		n.hub.Callback(func() { <-proceed; panic("out of order") })
		synctest.Wait() // it is called, and does not wait any more
		for i := range 150 {
			n.hub.Callback(func() { called = append(called, i) })
		}
		close(proceed)
		synctest.Wait()
		want := make([]int, 100)
		for i := range want {
			want[i] = i
		}
		if !slices.Equal(called, want) {
			t.Errorf("called %v, want the first hundred in their order", called)
		}
	})
}

// At the end those that wait are called, unless they have no time; and none is called that comes later.
func TestEndCallbacks(t *testing.T) {
	for _, test := range []struct {
		name   string
		within time.Duration
		want   int
	}{{"in time", time.Minute, 3}, {"out of time", time.Second, 0}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := start(t, nil, nil)
				called := 0
				n.hub.Callback(func() { <-time.After(10 * time.Second) })
				synctest.Wait()
				for range 3 {
					n.hub.Callback(func() { called++ })
				}
				ctx, cancel := context.WithTimeout(t.Context(), test.within)
				defer cancel()
				_ = n.hub.EndCallbacks(ctx)
				n.hub.Callback(func() { called += 100 })
				synctest.Wait()
				if called != test.want {
					t.Errorf("%d were called, want %d", called, test.want)
				}
			})
		})
	}
}
