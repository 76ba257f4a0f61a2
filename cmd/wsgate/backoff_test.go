package main

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	var b backoff
	differ := false
	for try, want := range []struct {
		lasted    time.Duration // the connection before
		low, high time.Duration
	}{
		{0, time.Second, 2 * time.Second},
		{0, 2 * time.Second, 4 * time.Second},
		{stable - 1, 4 * time.Second, 8 * time.Second},
		{0, 8 * time.Second, 16 * time.Second},
		{0, 15 * time.Second, 30 * time.Second},
		{0, 15 * time.Second, 30 * time.Second},
		{stable, time.Second, 2 * time.Second},
		{0, 2 * time.Second, 4 * time.Second},
	} {
		before := b
		d := b.next(want.lasted)
		if d < want.low || d > want.high {
			t.Errorf("try %d: got %v, want %v to %v", try, d, want.low, want.high)
		}
		for range 10 {
			again := before
			differ = differ || again.next(want.lasted) != d
		}
	}
	if !differ {
		t.Error("all waits were the same, want some chance")
	}
}
