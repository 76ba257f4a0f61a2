package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/wsgate/wsgate/cmd/internal/load"
)

// watch tells on stderr how far a measurement is, until the function is called that it returns. On a terminal it is one
// line that changes, else a line each time.
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

// show prints a line in place of one of that many characters, and returns how many it has.
func (b *bencher) show(text string, before int) int {
	if !b.tool.terminal {
		b.tool.note(b.cmd, "%s", text)
		return 0
	}
	now := len([]rune(text))
	fmt.Fprintf(b.tool.stderr, "\r%s%s", text, strings.Repeat(" ", max(0, before-now)))
	return now
}

// wipe takes the changing line away.
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
