package client

import (
	"errors"
	"math/rand/v2"
	"time"
)

const (
	firstBound = 500 * time.Millisecond
	lastBound  = 20 * time.Second
	stable     = 5 * time.Second // a connection that lasted this long resets the bound

	maxRetryAfter = 10 * time.Minute
)

// backoff computes the waits between attempts. The zero value is ready to use.
type backoff struct{ bound time.Duration }

// next returns the next wait, after a connection that lasted this long; 0 if the attempt failed. All of it is random,
// since all clients of a server that restarts lose their connections at once.
func (b *backoff) next(lasted time.Duration, err error) time.Duration {
	if b.bound == 0 || lasted >= stable {
		b.bound = firstBound
	}
	wait := rand.N(b.bound)
	b.bound = min(2*b.bound, lastBound)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		wait += min(refused.retryAfter, maxRetryAfter)
	}
	return wait
}
