package load

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// histogram counts durations in buckets less than 1 % wide, so that its size is constant. It is safe for concurrent
// use. The zero value is ready to use.
type histogram struct {
	count   atomic.Int64
	most    atomic.Int64 // the longest, exactly
	buckets [(64 - subBits) << subBits]atomic.Int64
}

// Values below 1<<subBits have one bucket each. Above, every power of two is divided into that many buckets.
const subBits = 7

func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.count.Add(1)
	h.buckets[bucket(uint64(d))].Add(1)
	raise(&h.most, int64(d))
}

// raise updates a maximum.
func raise(most *atomic.Int64, v int64) {
	for {
		old := most.Load()
		if v <= old || most.CompareAndSwap(old, v) {
			return
		}
	}
}

func bucket(v uint64) int {
	shift := bits.Len64(v|(1<<subBits-1)) - subBits
	if shift == 0 {
		return int(v)
	}
	shift-- // the highest subBits+1 bits count, of which the first is always set
	return (shift+1)<<subBits + int(v>>shift) - 1<<subBits
}

// highest returns the highest value in a bucket.
func highest(bucket int) uint64 {
	if bucket < 1<<subBits {
		return uint64(bucket)
	}
	shift := bucket>>subBits - 1
	return (uint64(bucket&(1<<subBits-1))+1<<subBits+1)<<shift - 1
}

// quantile returns a duration that the fraction q of all does not exceed, at most 1 % too high. There must be at least
// one duration.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int64(math.Ceil(q * float64(h.count.Load())))
	var seen int64
	for i := range h.buckets {
		seen += h.buckets[i].Load()
		if seen >= rank {
			return time.Duration(min(int64(highest(i)), h.most.Load()))
		}
	}
	return time.Duration(h.most.Load()) // values were added concurrently
}

// Quantiles summarizes durations.
type Quantiles struct {
	P50, P90, P99, P999, Max time.Duration
}

// quantiles returns nil if there are no durations.
func (h *histogram) quantiles() *Quantiles {
	if h.count.Load() == 0 {
		return nil
	}
	return &Quantiles{h.quantile(0.5), h.quantile(0.9), h.quantile(0.99), h.quantile(0.999), time.Duration(h.most.Load())}
}
