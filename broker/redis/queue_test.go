package redis_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate/broker/redis"
)

func TestQueue(t *testing.T) {
	tests := []struct {
		name string
		put  string // items
		want string // of which these have a place
	}{
		{"nothing", "", ""},
		{"some", "a b", "a b"},
		{"as many as there may be", "a b c", "a b c"},
		{"too many", "a b c d", "a b c"},
		{"as many bytes as there may be", "12345 67890", "12345 67890"},
		{"too many bytes", "12345 678901 2", "12345 2"},
		{"a large one", "12345678901 2", "12345678901"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := redis.NewQueue(3, 10)
			for range 2 { // it is as good as new when it is empty
				var taken []string
				for _, item := range strings.Fields(test.put) {
					if q.Put(item) == nil {
						taken = append(taken, item)
					}
				}
				if got := strings.Join(taken, " "); got != test.want {
					t.Errorf("got a place for %q, want one for %q", got, test.want)
				}
				if len(taken) > 0 {
					if got := q.Take(); !slices.Equal(got, taken) {
						t.Errorf("got %q out, want %q", got, taken)
					}
				}
			}
		})
	}
}

func TestQueueEnds(t *testing.T) {
	ends := map[string]struct {
		end  func(q redis.Queue) int
		left int // items that can be taken behind the end
	}{
		"end":  {func(q redis.Queue) int { q.End(); return 2 }, 2},
		"drop": {redis.Queue.Drop, 0},
	}
	for name, test := range ends {
		t.Run(name, func(t *testing.T) {
			q := redis.NewQueue(10, 10)
			_, _ = q.Put("a"), q.Put("b")
			if n := test.end(q); n != 2 {
				t.Errorf("got %d items in the queue, want 2", n)
			}
			if q.Put("c") == nil {
				t.Error("put something in behind the end, want an error")
			}
			if got := q.Take(); len(got) != test.left {
				t.Errorf("got %q behind the end, want %d", got, test.left)
			}
			if got := q.Take(); len(got) > 0 {
				t.Errorf("got %q, want nothing any more", got)
			}
			waits := redis.NewQueue(10, 10)
			taken := make(chan []string)
			go func() { taken <- waits.Take() }()
			test.end(waits)
			if got := <-taken; len(got) > 0 {
				t.Errorf("got %q out of an empty queue, want nothing", got)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	const least, most = 10 * time.Millisecond, 100 * time.Millisecond
	tries := redis.NewBackoff(least, most)
	for range 3 {
		for longest := least; longest <= 4*most; longest *= 2 {
			upTo := min(longest, most)
			if got := tries.Next(); got < upTo/2 || got > upTo {
				t.Errorf("got %v, want %v to %v", got, upTo/2, upTo)
			}
		}
		tries.Reset()
	}
}
