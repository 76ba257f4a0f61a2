package main

import (
	"math/rand/v2"
	"time"
)

const (
	firstWait = time.Second
	longest   = 30 * time.Second
	stable    = 10 * time.Second // a connection that lasted this long resets the backoff
)

// backoff computes the wait before reconnecting: it doubles each time, from 1–2 s to 15–30 s, so that a server that is
// down is not flooded. The value within the span is random, so that clients do not all reconnect at once. The zero
// value is ready to use.
type backoff struct {
	ceiling time.Duration
}

// next returns the next wait, after a connection that lasted this long; 0 if the attempt failed.
func (b *backoff) next(lasted time.Duration) time.Duration {
	if b.ceiling == 0 || lasted >= stable {
		b.ceiling = firstWait
	}
	b.ceiling = min(2*b.ceiling, longest)
	half := b.ceiling / 2
	return half + rand.N(half+1)
}
