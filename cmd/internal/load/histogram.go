package load

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// histogram counts durations in buckets of nanoseconds that are less than 1 % wide, so that its size does not depend on
// how many there are. It may be used by several goroutines. The zero value is ready to use.
type histogram struct {
	count   atomic.Int64
	most    atomic.Int64 // the longest, exactly
	buckets [(64 - subBits) << subBits]atomic.Int64
}

// Values below 1<<subBits have a bucket each. Above, every power of two is cut into as many buckets as that.
const subBits = 7

func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.count.Add(1)
	h.buckets[bucket(uint64(d))].Add(1)
	raise(&h.most, int64(d))
}

// raise sets a maximum.
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

// quantile returns a duration that the share q of all does not exceed, at most 1 % too high. It needs that there is one.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int64(math.Ceil(q * float64(h.count.Load())))
	var seen int64
	for i := range h.buckets {
		seen += h.buckets[i].Load()
		if seen >= rank {
			return time.Duration(min(int64(highest(i)), h.most.Load()))
		}
	}
	return time.Duration(h.most.Load()) // while others add
}

// Quantiles are what is told of many durations.
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
