package wsgate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/wsgate/wsgate/internal/guard"
	"github.com/wsgate/wsgate/internal/mistake"
)

// maxLogText is how many bytes of a text that may come from a client a log line has.
const maxLogText = 2 << 10

// A client decides how often an error of its own making is logged. Of each message there are at most logBurst lines at
// once and logRate per second; the next line says how many are missing.
const (
	logBurst = 100
	logRate  = 10
)

// logLimit counts the lines of each message. The messages are this package's own, so there are few.
type logLimit struct {
	mu    sync.Mutex // guards following
	lines map[string]*lineBucket
}

// lineBucket is a token bucket of lines with one message.
type lineBucket struct {
	tokens     float64
	at         time.Time // when there were so many
	suppressed int       // since the last line
}

// take reports whether a line with that message may be logged, and how many before it were not.
func (l *logLimit) take(msg string, now time.Time) (ok bool, suppressed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.lines[msg]
	if b == nil {
		if l.lines == nil {
			l.lines = map[string]*lineBucket{}
		}
		b = &lineBucket{tokens: logBurst, at: now}
		l.lines[msg] = b
	}
	b.tokens = min(logBurst, b.tokens+logRate*now.Sub(b.at).Seconds())
	b.at = now
	if b.tokens < 1 {
		b.suppressed++
		return false, 0
	}
	b.tokens--
	suppressed, b.suppressed = b.suppressed, 0
	return true, suppressed
}

// rest returns how many lines were suppressed and not told of, by message.
func (l *logLimit) rest() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := map[string]int{}
	for msg, b := range l.lines {
		if b.suppressed > 0 {
			rest[msg] = b.suppressed
		}
	}
	return rest
}

// logError logs an error, and a panic with its stack. See [App.logLimited].
func (a *App) logError(ctx context.Context, msg string, err error, args ...any) {
	a.logLimited(ctx, slog.LevelError, msg, err, args...)
}

// logLimited logs what clients can bring about: not more often than logRate, and not more of a text than maxLogText. The
// log's handler and the methods of the error are the user's, so a panic in them goes no further.
func (a *App) logLimited(ctx context.Context, level slog.Level, msg string, err error, args ...any) {
	enabled := true // also if the handler panics, which will be told of
	_ = safely(func() error { enabled = a.log.Enabled(ctx, level); return nil })
	if !enabled {
		return
	}
	ok, suppressed := a.logged.take(msg, time.Now())
	if !ok {
		return
	}
	if suppressed > 0 {
		args = append(args, "suppressed", suppressed)
	}
	panicked := safely(func() error {
		if err == nil {
			a.log.Log(ctx, level, msg, args...)
			return nil
		}
		var p *PanicError
		if errors.As(err, &p) {
			args = append(args, "stack", string(p.Stack))
		}
		a.log.Log(ctx, level, msg, append(args, "err", loggable(err))...)
		return nil
	})
	if panicked != nil { // in the error's methods, or in the handler
		_ = safely(func() error {
			a.log.Log(ctx, level, msg, append(args, "err", fmt.Sprintf("an error of type %T, whose methods panic", err), "stack", string(stackOf(panicked)))...)
			return nil
		})
	}
}

// logMistake logs what a program has got wrong where it may drop the error that says so: once for each line of it
// that has called this package.
func (a *App) logMistake(msg string, err error) {
	where := mistake.Callers(packagePath, 1)
	if _, again := a.mistaken.LoadOrStore(where, true); !again {
		a.logLimited(context.Background(), slog.LevelError, msg, err, "caller", where)
	}
}

// logOfHub logs what the hub does on its own, for which it has no context.
func (a *App) logOfHub(level slog.Level, msg string, err error, args ...any) {
	if p, ok := err.(*guard.Panic); ok {
		err = publicPanic(p)
	}
	a.logLimited(context.Background(), level, msg, err, args...)
}

// stackOf returns the stack of an error that guard has made of a panic.
func stackOf(err error) []byte {
	if p, ok := err.(*PanicError); ok {
		return p.Stack
	}
	return nil
}

// loggable returns the error, or the beginning of its text if that is long.
func loggable(err error) any {
	text := err.Error()
	if len(text) <= maxLogText {
		return err
	}
	return fmt.Sprintf("%s… (%d bytes)", cutText(text, maxLogText), len(text))
}

// cutText returns the beginning of a text, at most that many bytes of it.
func cutText(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// logSuppressed says at the end what the log does not have.
func (a *App) logSuppressed(context.Context) error {
	_ = safely(func() error {
		for msg, n := range a.logged.rest() {
			a.log.Warn("wsgate: lines were left out of the log", "message", msg, "suppressed", n)
		}
		return nil
	})
	return nil
}
