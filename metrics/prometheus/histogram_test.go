package prometheus_test

import (
	"testing"
	"testing/synctest"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/wsgate/wsgate/metrics/prometheus"
)

// scraped is a histogram as it is exported.
func scraped(t *testing.T, m client.Metric) *dto.Histogram {
	t.Helper()
	var text dto.Metric
	if err := m.Write(&text); err != nil {
		t.Fatal(err)
	}
	return text.GetHistogram()
}

func TestHistogram(t *testing.T) {
	message, scrape := prometheus.NewTestHistogram(.001, .01, .1)
	for _, took := range []time.Duration{0, time.Millisecond, time.Millisecond + 1, 50 * time.Millisecond, time.Second} {
		if !message(took) {
			t.Errorf("a message that took %v is not timed", took)
		}
	}
	h := scraped(t, scrape())
	if h.GetSampleCount() != 5 || h.GetSampleSum() < 1.052 || h.GetSampleSum() > 1.0521 {
		t.Errorf("%d messages took %v s, want 5 and 1.052", h.GetSampleCount(), h.GetSampleSum())
	}
	for i, want := range []uint64{2, 3, 4} {
		if b := h.GetBucket()[i]; b.GetCumulativeCount() != want {
			t.Errorf("%d messages took up to %v s, want %d", b.GetCumulativeCount(), b.GetUpperBound(), want)
		}
	}
}

// Of a busy event some messages are timed, and stand for the others, until it is quiet again.
func TestBusyHistogram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		message, scrape := prometheus.NewTestHistogram(.001)
		timed := func(messages int) (n int) {
			for range messages {
				if message(2 * time.Millisecond) {
					n++
				}
			}
			return n
		}
		const rush = 100_000
		if n := timed(rush); n != rush {
			t.Errorf("%d of %d messages are timed before the first scrape, want all", n, rush)
		}
		<-time.After(15 * time.Second)
		before := scraped(t, scrape()).GetSampleCount()
		if n := timed(rush); n < rush/prometheus.BusyStride/2 || n > rush/prometheus.BusyStride*2 {
			t.Errorf("%d of %d messages are timed while the event is busy, want one in %d", n, rush, prometheus.BusyStride)
		}
		<-time.After(15 * time.Second)
		h := scraped(t, scrape())
		count := h.GetSampleCount() - before
		if count < rush*9/10 || count > rush*11/10 {
			t.Errorf("those timed stand for %d messages, want about %d", count, rush)
		}
		if mean := h.GetSampleSum() / float64(h.GetSampleCount()); mean < .00199 || mean > .00201 {
			t.Errorf("a message took %v s on average, want 0.002", mean)
		}
		<-time.After(15 * time.Second)
		scrape()
		if n := timed(100); n != 100 {
			t.Errorf("%d of 100 messages are timed when the event is quiet again, want all", n)
		}
	})
}
