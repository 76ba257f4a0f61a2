package rate_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/wsgate/wsgate/internal/rate"
)

const second = int64(time.Second)

func TestAdd(t *testing.T) {
	limit := rate.New(10, time.Second, 3)
	var b rate.Bucket
	for _, step := range []struct {
		at   int64 // tenths of a second
		wait time.Duration
	}{
		{100, 0},
		{100, 0},
		{100, 0},
		{100, 200 * time.Millisecond}, // the fourth; what was added counts although it did not fit
		{100, 300 * time.Millisecond},
		{102, 200 * time.Millisecond},
		{104, 0}, // waited as told
		{104, 200 * time.Millisecond},
		{106, 0},
		{200, 0}, // it was empty long ago, and holds no more for that
		{200, 0},
		{200, 0},
		{200, 200 * time.Millisecond},
	} {
		if got := b.Add(limit, 1, step.at*second/10); got != step.wait {
			t.Errorf("after %d tenths: wait %v, want %v", step.at, got, step.wait)
		}
	}
}

// Several count as one after the other, and those that no bucket could hold as a full one.
func TestAddMany(t *testing.T) {
	limit := rate.New(10, time.Second, 3)
	var b rate.Bucket
	for _, step := range []struct {
		at   int64 // tenths of a second
		n    int
		wait time.Duration
	}{
		{100, 2, 0},
		{100, 2, 200 * time.Millisecond},
		{200, 1 << 20, 0},
		{200, 1, 200 * time.Millisecond},
		{202, 1, 0},
	} {
		if got := b.Add(limit, step.n, step.at*second/10); got != step.wait {
			t.Errorf("%d after %d tenths: wait %v, want %v", step.n, step.at, got, step.wait)
		}
	}
}

func TestTake(t *testing.T) {
	limit := rate.New(2, time.Minute, 2)
	var b rate.Bucket
	for _, step := range []struct {
		at   int64
		wait time.Duration
	}{
		{0, 0},
		{10, 0},
		{11, 19 * time.Second},
		{12, 18 * time.Second}, // what did not fit does not count
		{30, 0},
		{30, 30 * time.Second},
		{59, time.Second},
		{60, 0},
	} {
		if got := b.Take(limit, step.at*second); got != step.wait {
			t.Errorf("after %d s: wait %v, want %v", step.at, got, step.wait)
		}
	}
}

// Limits that no clock can hold never apply.
func TestNoLimit(t *testing.T) {
	for _, limit := range []rate.Limit{
		rate.New(math.MaxInt, time.Second, math.MaxInt),
		rate.New(1, time.Second, math.MaxInt),
		rate.New(2_000_000_000, time.Second, 1),
	} {
		var b rate.Bucket
		for range 10_000 {
			if wait := b.Add(limit, 1, 0); wait != 0 {
				t.Fatalf("wait %v", wait)
			}
			if wait := b.Take(limit, 0); wait != 0 {
				t.Fatalf("wait %v", wait)
			}
		}
	}
}

func TestFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := rate.New(1, time.Second, 1)
		var b rate.Bucket
		for range 100 {
			if wait := b.Take(limit, rate.Now()); wait != 0 {
				t.Fatalf("wait %v", wait)
			}
			if wait := b.Take(limit, rate.Now()); wait != time.Second {
				t.Fatalf("wait %v, want 1s", wait)
			}
			<-time.After(time.Second)
		}
	})
}

func TestSize(t *testing.T) {
	if size := unsafe.Sizeof(rate.Bucket{}); size != 8 {
		t.Errorf("a bucket has %d bytes", size)
	}
}

func BenchmarkAdd(b *testing.B) {
	limit := rate.New(200, time.Second, 1000)
	var bucket rate.Bucket
	for b.Loop() {
		bucket.Add(limit, 1, rate.Now())
	}
}
