package redis_test

import (
	"testing"
	"time"

	"github.com/wsgate/wsgate/broker/redis"
)

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
