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

// maxLogText bounds, in bytes, text in a log line that may come from a client.
const maxLogText = 2 << 10

// A client controls how often an error that it causes is logged. So each message is logged at most logBurst times at
// once and logRate times per second; the next line has the number of suppressed ones.
const (
	logBurst = 100
	logRate  = 10
)

// logLimit limits the rate of each message. The messages are constants of this package, so there are few.
type logLimit struct {
	mu    sync.Mutex // guards following
	lines map[string]*lineBucket
}

// lineBucket is the token bucket of one message.
type lineBucket struct {
	tokens     float64
	at         time.Time // when tokens was computed
	suppressed int       // lines since the last one logged
}

// take reports whether a line with that message may be logged, and how many were suppressed since the last.
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

// rest returns the numbers of suppressed lines that were not reported, by message.
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

// logError logs an error, and for a panic its stack. See [App.logLimited].
func (a *App) logError(ctx context.Context, msg string, err error, args ...any) {
	a.logLimited(ctx, slog.LevelError, msg, err, args...)
}

// logLimited logs what clients can cause, within logRate and maxLogText. The slog handler and the error's methods are
// user code, so it recovers their panics.
func (a *App) logLimited(ctx context.Context, level slog.Level, msg string, err error, args ...any) {
	enabled := true // if the handler panics, Log will as well, and that is reported
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

// logMistake logs a mistake in the program whose error the program may ignore, once per calling line.
func (a *App) logMistake(msg string, err error) {
	where := mistake.Callers(packagePath, 1)
	if a.isNewMistake(where) {
		a.logLimited(context.Background(), slog.LevelError, msg, err, "caller", where)
	}
}

// isNewMistake reports whether a mistake has not been logged yet. The key is the same each time it is made.
func (a *App) isNewMistake(key any) bool {
	_, again := a.mistaken.LoadOrStore(key, true)
	return !again
}

// logOfHub logs background work of the hub, which has no context.
func (a *App) logOfHub(level slog.Level, msg string, err error, args ...any) {
	if p, ok := err.(*guard.Panic); ok {
		err = publicPanic(p)
	}
	a.logLimited(context.Background(), level, msg, err, args...)
}

// stackOf returns the stack of a recovered panic.
func stackOf(err error) []byte {
	if p, ok := err.(*PanicError); ok {
		return p.Stack
	}
	return nil
}

// loggable returns the error, or a prefix of its text if that is too long.
func loggable(err error) any {
	text := err.Error()
	if len(text) <= maxLogText {
		return err
	}
	return fmt.Sprintf("%s… (%d bytes)", cutText(text, maxLogText), len(text))
}

// cutText returns the longest prefix of text that has at most max bytes and ends between runes.
func cutText(text string, max int) string {
	if len(text) <= max {
		return text
	}
	for max > 0 && !utf8.RuneStart(text[max]) {
		max--
	}
	return text[:max]
}

// logSuppressed logs at shutdown how many lines were suppressed.
func (a *App) logSuppressed(context.Context) error {
	_ = safely(func() error {
		for msg, n := range a.logged.rest() {
			a.log.Warn("wsgate: lines were left out of the log", "message", msg, "suppressed", n)
		}
		return nil
	})
	return nil
}
