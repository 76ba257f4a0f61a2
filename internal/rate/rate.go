// Package rate has a token bucket of eight bytes, for limits that every connection has.
//
// It is the generic cell rate algorithm: all that a bucket needs to know is when it will have drained. A
// golang.org/x/time/rate.Limiter does the same with a lock, in 80 bytes.
package rate

import (
	"math"
	"time"
)

// Limit is how fast a [Bucket] drains, and how much it holds. The zero Limit never applies.
type Limit struct {
	each  time.Duration // in which one drains
	burst time.Duration // in which a full bucket drains
}

// New returns the limit of n in that time, in bursts of at most burst. All are positive. A limit of more than one in a
// nanosecond never applies.
func New(n int, per time.Duration, burst int) Limit {
	each := per / time.Duration(n)
	if each > 0 && time.Duration(burst) > math.MaxInt64/4/each {
		return Limit{} // a burst that takes decades
	}
	return Limit{each, each * time.Duration(burst)}
}

// Margin is how long to wait for one more at the most if what is refused is itself limited: to an eighth of what a bucket
// holds, to eight if that is more, and never to more than it holds.
func (l Limit) Margin() time.Duration { return min(max(l.burst/8, 8*l.each), l.burst) }

// Bucket counts what was added and has not drained yet. The zero Bucket is empty.
type Bucket struct {
	drained int64 // when it will be empty
}

// Add adds n, at most as many as the bucket holds. If they do not fit, it returns how long to wait until another one does.
func (b *Bucket) Add(l Limit, n int, now int64) (wait time.Duration) {
	b.drained = max(b.drained, now) + min(int64(n)*int64(l.each), int64(l.burst))
	return b.Wait(l, now)
}

// Take adds one only if it fits, and otherwise returns how long to wait until it does.
func (b *Bucket) Take(l Limit, now int64) (wait time.Duration) {
	after := Bucket{max(b.drained, now) + int64(l.each)}
	if over := time.Duration(after.drained-now) - l.burst; over > 0 {
		return over
	}
	*b = after
	return 0
}

// Wait returns how long to wait until one more fits into a bucket that holds too much, and otherwise 0.
func (b *Bucket) Wait(l Limit, now int64) time.Duration {
	if over := time.Duration(b.drained-now) - l.burst; over > 0 {
		return over + l.each
	}
	return 0
}

// epoch is before 2000, when fake time begins, so that Now is always positive.
var epoch = time.Now().Add(-50 * 365 * 24 * time.Hour)

// Now returns the time for a Bucket. It reads only the monotonic clock, in half the time that time.Now takes.
func Now() int64 { return int64(time.Since(epoch)) }
