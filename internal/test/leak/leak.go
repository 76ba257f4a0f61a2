// Package leak finds goroutines that tests leave behind.
package leak

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"time"
)

// patience is how long goroutines may take to end.
const patience = 10 * time.Second

// Check runs the tests and returns their exit code, or 1 if more goroutines run in the end than before. For use as
//
//	func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }
func Check(run func() int) int { return check(run, patience, os.Stderr) }

func check(run func() int, patience time.Duration, report io.Writer) int {
	before := runtime.NumGoroutine()
	code := run()
	if code != 0 || fuzzing() || endsWith(before, patience) {
		return code
	}
	fmt.Fprintf(report, "leaked goroutines: %d before the tests, %d after\n", before, runtime.NumGoroutine())
	_ = pprof.Lookup("goroutine").WriteTo(report, 1)
	return 1
}

// fuzzing reports whether the tests were run to fuzz, for which package testing keeps goroutines of its own.
func fuzzing() bool {
	f := flag.Lookup("test.fuzz")
	return f != nil && f.Value.String() != ""
}

// endsWith waits until no more goroutines run than that. It reports whether that happened.
func endsWith(goroutines int, patience time.Duration) bool {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	end := time.NewTimer(patience)
	defer end.Stop()
	for runtime.NumGoroutine() > goroutines {
		select {
		case <-look.C:
		case <-end.C:
			return false
		}
	}
	return true
}
