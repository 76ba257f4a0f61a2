package prometheus

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// BusyStride is busyStride.
const BusyStride = busyStride

// NewTestHistogram returns a histogram: whether and how a message is timed, and a scrape.
func NewTestHistogram(bounds ...float64) (message func(took time.Duration) (timed bool), scrape func() prometheus.Metric) {
	h := newHistogram(bounds)
	desc := prometheus.NewDesc("test", "", nil, nil)
	return func(took time.Duration) bool {
		weight := h.weight()
		if weight > 0 {
			h.observe(took, weight)
		}
		return weight > 0
	}, func() prometheus.Metric { return h.read(desc) }
}
