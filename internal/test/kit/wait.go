package kit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Patience bounds what a test waits for. In a bubble of testing/synctest it costs nothing; it is longer than every
// default limit.
const Patience = 3 * time.Minute

// Bubble runs a subtest in fake time.
func Bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// Receive waits for a value.
func Receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	select {
	case v := <-ch:
		return v
	case <-ctx.Done():
		t.Fatalf("waited too long for %s", what)
		panic("unreachable")
	}
}
