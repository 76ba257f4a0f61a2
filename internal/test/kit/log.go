package kit

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// Log is a slog.Handler that keeps what is logged at warning level and above.
type Log struct {
	Serving chan struct{} // closed when Serve says that it serves
	mu      sync.Mutex    // guards following
	lines   []string
}

// NewLog returns an empty log.
func NewLog() *Log { return &Log{Serving: make(chan struct{})} }

func (l *Log) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l *Log) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *Log) WithGroup(string) slog.Handler                    { return l }

func (l *Log) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		if strings.Contains(r.Message, "serving") {
			close(l.Serving)
		}
		return nil
	}
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	if id, ok := TraceOf(ctx); ok {
		line += " trace=" + id
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

// With returns the lines that contain all of the words.
func (l *Log) With(words ...string) (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			lines = append(lines, line)
		}
	}
	return lines
}

type traceKey struct{}

// WithTrace returns a context whose id stands in every line of a Log that is logged with it.
func WithTrace(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, traceKey{}, id)
}

func TraceOf(ctx context.Context) (id string, ok bool) {
	id, ok = ctx.Value(traceKey{}).(string)
	return id, ok
}
