//go:build unix

package wsgate_test

import (
	"syscall"
	"time"
)

// processorTime returns the time that processors have spent for this process.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
