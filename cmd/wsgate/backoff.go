package main

import (
	"math/rand/v2"
	"time"
)

const (
	firstWait = time.Second
	longest   = 30 * time.Second
	stable    = 10 * time.Second // a connection that lasted this long was a good one
)

// backoff is how long to wait before connecting again: twice as long each time, from 1–2 s to 15–30 s, so that a server
// that is down is not flooded. Where in that span is chance, so that its clients do not all come back at once. The
// zero value is ready to use.
type backoff struct {
	ceiling time.Duration
}

// next returns the next wait, after a connection that lasted this long; 0 if there was none.
func (b *backoff) next(lasted time.Duration) time.Duration {
	if b.ceiling == 0 || lasted >= stable {
		b.ceiling = firstWait
	}
	b.ceiling = min(2*b.ceiling, longest)
	half := b.ceiling / 2
	return half + rand.N(half+1)
}
