package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/wsgate/wsgate/cmd/internal/load"
)

// watch reports the progress of a measurement on stderr, until the returned function is called. On a terminal it
// updates one line, otherwise it prints a line each time.
func (b *bencher) watch(run *load.Run) (stop func()) {
	stopped := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		ticker := time.NewTicker(b.tool.progress)
		defer ticker.Stop()
		shown := 0
		for {
			select {
			case <-ticker.C:
				shown = b.show(b.progress(run.Snapshot()), shown)
			case <-stopped:
				b.wipe(shown)
				return
			}
		}
	})
	return func() {
		close(stopped)
		watching.Wait()
	}
}

// show overwrites a line of that many characters with another, and returns the length of the new one.
func (b *bencher) show(text string, before int) int {
	if !b.tool.terminal {
		b.tool.note(b.cmd, "%s", text)
		return 0
	}
	now := len([]rune(text))
	fmt.Fprintf(b.tool.stderr, "\r%s%s", text, strings.Repeat(" ", max(0, before-now)))
	return now
}

// wipe erases the line.
func (b *bencher) wipe(shown int) {
	if shown > 0 {
		fmt.Fprintf(b.tool.stderr, "\r%s\r", strings.Repeat(" ", shown))
	}
}

func (b *bencher) progress(s load.Snapshot) string {
	if s.Elapsed == 0 {
		return fmt.Sprintf("connecting: %d of %d open, %d failed", s.Opened, b.connections, s.Failed)
	}
	text := fmt.Sprintf("%s of %v: %d sent, %d answered, %d errors", s.Elapsed.Round(b.tool.progress), b.duration, s.Sent, s.Answered, s.Errors)
	if s.Elapsed > b.duration {
		text = fmt.Sprintf("waiting for the last answers: %d sent, %d answered, %d errors", s.Sent, s.Answered, s.Errors)
	}
	if s.Latency != nil {
		text += fmt.Sprintf(", p50 %v, p99 %v", short(s.Latency.P50), short(s.Latency.P99))
	}
	return text
}

// short rounds a duration to its first three digits.
func short(d time.Duration) time.Duration {
	unit := time.Nanosecond
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}
