package prometheus

import (
	"math/rand/v2"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Of a busy event one message in busyStride is timed, and counts for as many, so that the histogram stays true on average.
// An event is busy if it has had more than busyRate messages per second between two scrapes. Timing each of them would
// cost a tenth of what it takes to echo a message.
const (
	busyRate   = 1000
	busyStride = 16
)

// histogram is of the durations of one event.
type histogram struct {
	bounds  []time.Duration // of the buckets, ascending
	buckets []atomic.Uint64 // one more, for what is above all bounds
	sum     atomic.Int64    // of the durations
	stride  atomic.Uint32   // 1 or busyStride

	mu   sync.Mutex // guards following
	last uint64     // count at the last scrape
	at   time.Time  // of the last scrape
}

func newHistogram(bounds []float64) *histogram {
	h := &histogram{buckets: make([]atomic.Uint64, len(bounds)+1), at: time.Now()}
	for _, bound := range bounds {
		h.bounds = append(h.bounds, time.Duration(bound*float64(time.Second)))
	}
	h.stride.Store(1)
	return h
}

// weight returns for how many messages the next one counts, 0 if it is not timed.
func (h *histogram) weight() uint32 {
	stride := h.stride.Load()
	if stride > 1 && rand.Uint32()%busyStride != 0 {
		return 0
	}
	return stride
}

func (h *histogram) observe(took time.Duration, weight uint32) {
	i := sort.Search(len(h.bounds), func(i int) bool { return took <= h.bounds[i] })
	h.buckets[i].Add(uint64(weight))
	h.sum.Add(int64(took) * int64(weight))
}

// read returns the histogram for a scrape, and finds out whether the event is busy.
func (h *histogram) read(desc *prometheus.Desc, labels ...string) prometheus.Metric {
	h.mu.Lock()
	defer h.mu.Unlock()
	upTo := make(map[float64]uint64, len(h.bounds))
	var count uint64
	for i := range h.buckets {
		count += h.buckets[i].Load()
		if i < len(h.bounds) {
			upTo[h.bounds[i].Seconds()] = count
		}
	}
	if passed := time.Since(h.at); passed >= time.Second/2 { // otherwise another scrape has just been
		h.stride.Store(1)
		if float64(count-h.last) > busyRate*passed.Seconds() {
			h.stride.Store(busyStride)
		}
		h.last, h.at = count, time.Now()
	}
	return prometheus.MustNewConstHistogram(desc, count, time.Duration(h.sum.Load()).Seconds(), upTo, labels...)
}
