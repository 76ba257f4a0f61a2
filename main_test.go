package wsgate_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails when the tests leave goroutines of this library or of coder/websocket behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftGoroutines(); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "%d goroutines are left:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = max(code, 1)
	}
	os.Exit(code)
}

// leftGoroutines gives goroutines that are about to end some time to do so, and returns the stacks of the others.
func leftGoroutines() []string {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	deadline := time.NewTimer(5 * time.Second)
	defer deadline.Stop()
	for {
		left := libraryGoroutines()
		if len(left) == 0 {
			return nil
		}
		select {
		case <-poll.C:
		case <-deadline.C:
			return left
		}
	}
}

// libraryGoroutines returns the stacks of all goroutines but this one that are inside this module or coder/websocket.
func libraryGoroutines() (stacks []string) {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	_, others, _ := strings.Cut(string(buf), "\n\n") // the first is the caller's
	for stack := range strings.SplitSeq(others, "\n\n") {
		if strings.Contains(stack, "github.com/wsgate/wsgate") || strings.Contains(stack, "github.com/coder/websocket") {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}
