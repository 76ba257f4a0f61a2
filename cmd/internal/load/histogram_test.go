package load

import (
	"math"
	"testing"
	"time"
)

// Every value is in a bucket whose highest value is at most 1 % more, and the buckets follow each other.
func TestBuckets(t *testing.T) {
	for _, v := range []uint64{0, 1, 127, 128, 129, 255, 256, 257, 1000, 123_456, 1 << 20, 1<<20 - 1, 3_600_000_000_000, math.MaxInt64} {
		i := bucket(v)
		top := highest(i)
		if top < v || float64(top-v) > float64(v)/100 {
			t.Errorf("%d: got bucket %d up to %d", v, i, top)
		}
		if bucket(top) != i {
			t.Errorf("%d: the highest value %d of bucket %d is in bucket %d", v, top, i, bucket(top))
		}
		if top < math.MaxInt64 && bucket(top+1) != i+1 {
			t.Errorf("%d: after bucket %d comes %d", v, i, bucket(top+1))
		}
	}
	if have, want := len(new(histogram).buckets), bucket(math.MaxInt64)+1; have != want {
		t.Errorf("got %d buckets, want %d", have, want)
	}
}

func TestQuantiles(t *testing.T) {
	var h histogram
	if q := h.quantiles(); q != nil {
		t.Errorf("got %v from nothing", q)
	}
	h.add(-time.Second) // clocks
	if q := h.quantiles(); *q != (Quantiles{}) {
		t.Errorf("got %v, want zeros", q)
	}
	for i := range 999 {
		h.add(time.Duration(i+2) * time.Millisecond)
	}
	got := h.quantiles()
	for _, tt := range []struct {
		name      string
		got, want time.Duration
	}{
		{"p50", got.P50, 500 * time.Millisecond},
		{"p90", got.P90, 900 * time.Millisecond},
		{"p99", got.P99, 990 * time.Millisecond},
		{"p99.9", got.P999, 999 * time.Millisecond},
	} {
		if tt.got < tt.want || tt.got > tt.want+tt.want/100 {
			t.Errorf("%s: got %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	if got.Max != time.Second {
		t.Errorf("max: got %v, want 1s", got.Max)
	}
}

func TestSchedule(t *testing.T) {
	for _, s := range []schedule{
		{rate: 1, end: 10 * time.Second},
		{rate: 3, end: time.Second, offset: 100 * time.Millisecond},
		{rate: 0.1, end: time.Second, offset: 2 * time.Second},
		{rate: 0.1, end: time.Second},
		{rate: 7000, end: 1234567 * time.Microsecond, offset: 3 * time.Nanosecond},
	} {
		var n uint64
		for s.has(n) {
			n++
		}
		if due := s.due(time.Hour); due != int64(n) {
			t.Errorf("%+v: %d messages are sent, %d are due", s, n, due)
		}
		if n > 0 && s.due(s.after(n-1)) != int64(n-1) {
			t.Errorf("%+v: got %d due before the last, want %d", s, s.due(s.after(n-1)), n-1)
		}
		if due := s.due(0); due != 0 {
			t.Errorf("%+v: %d messages are due at once", s, due)
		}
	}
}
