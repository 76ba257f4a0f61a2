package kit

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Journal is a list of what happened, in order.
type Journal struct {
	mu    sync.Mutex // guards following
	lines []string
}

func (j *Journal) Add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *Journal) All() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

// Want fails the test unless exactly this has happened.
func (j *Journal) Want(t testing.TB, want ...string) {
	t.Helper()
	if got := j.All(); !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Take returns what has happened since the last Take or WantNext.
func (j *Journal) Take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

// WantNext fails the test unless exactly this has happened since the last Take or WantNext.
func (j *Journal) WantNext(t testing.TB, want ...string) {
	t.Helper()
	if got := j.Take(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// WantNextInAnyOrder is WantNext, in any order.
func (j *Journal) WantNextInAnyOrder(t testing.TB, want ...string) {
	t.Helper()
	got := j.Take()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
