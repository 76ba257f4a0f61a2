package brokertest

import (
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// shown formats a topic or a message for a failure.
func shown(s string) string {
	if len(s) > 40 {
		return fmt.Sprintf("%.20q...%q (%d bytes)", s, s[len(s)-8:], len(s))
	}
	return fmt.Sprintf("%q", s)
}

// abridged formats received messages for a failure.
func abridged[T any](items []T) string {
	last := items[max(0, len(items)-5):]
	parts := make([]string, len(last))
	for i, item := range last {
		parts[i] = shown(fmt.Sprint(item))
	}
	if len(items) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%d items, the last of them %s,", len(items), strings.Join(parts, ", "))
}

// within runs f, which must return in time.
func within(t testing.TB, limit time.Duration, what string, f func()) {
	t.Helper()
	begin := time.Now()
	f()
	if took := time.Since(begin); took > limit {
		t.Errorf("%s: took %v, want at most %v", what, took, limit)
	}
}

// await waits until done is closed.
func await(t testing.TB, what string, done <-chan struct{}) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		t.Fatalf("%s: got no end for %v, want one", what, patience)
	}
}

// expectGoroutines waits until no more than that many goroutines run.
func expectGoroutines(t testing.TB, most int) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for runtime.NumGoroutine() > most {
		select {
		case <-look.C:
		case <-late.C:
			var all strings.Builder
			_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
			t.Fatalf("goroutines: got %d, want the %d that ran before\n%s", runtime.NumGoroutine(), most, all.String())
		}
	}
}
