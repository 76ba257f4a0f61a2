package stack_test

import (
	"testing"
	"unsafe"

	"github.com/wsgate/wsgate/internal/stack"
)

// deep uses about n bytes of stack.
//
//go:noinline
func deep(n int) byte {
	var room [256]byte
	if n > len(room) {
		room[n%len(room)] = deep(n - len(room) - 64)
	}
	return room[n%7]
}

// moved reports whether a call that needs n bytes has the stack copied, after grow was called on a new goroutine.
func moved(grow func(), n int) bool {
	result := make(chan bool)
	go func() {
		grow()
		var here byte
		before := uintptr(unsafe.Pointer(&here))
		deep(n)
		result <- before != uintptr(unsafe.Pointer(&here))
	}()
	return <-result
}

func TestGrow(t *testing.T) {
	for _, test := range []struct {
		name string
		grow func()
		room int
	}{
		{"4 KiB", stack.Grow4K, 1 << 10},
		{"8 KiB", stack.Grow8K, 4 << 10},
	} {
		if moved(test.grow, test.room) {
			t.Errorf("%s: a call that takes %d bytes has the stack copied", test.name, test.room)
		}
	}
	if !moved(func() {}, 16<<10) {
		t.Error("no call has the stack copied: this test cannot fail")
	}
}
