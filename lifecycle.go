package wsgate

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/wsgate/wsgate/internal/mistake"
)

// Lifecycle lets what a constructor makes start with the App and stop with it. A constructor that asks for a
// *Lifecycle gets it, and calls OnStart and OnStop before it returns.
//
// The start functions run in the order of construction, before the first connection is accepted; the first error ends
// the start. The stop functions run in the reverse order after the last OnClose, each of them, whatever the others
// return. One that was registered behind a start function that did not run, or failed, is not run. All are bounded by the context
// they get; one that does not return in time is not waited for.
type Lifecycle struct {
	mu      sync.Mutex // guards following
	starts  []hookFunc
	stops   []stopFunc
	started int  // starts that succeeded
	running bool // Start was called
	stopped bool
}

type hookFunc struct {
	run func(context.Context) error
	pos string // "" for the App's own
}

// failed returns the error of a function that was registered with a method of that name.
func (f hookFunc) failed(method string, err error) error {
	if f.pos == "" {
		return err
	}
	return fmt.Errorf("wsgate: %s at %s: %w", method, f.pos, err)
}

type stopFunc struct {
	hookFunc
	behind int // starts that were registered before
}

// OnStart registers a function that runs before the App serves.
func (l *Lifecycle) OnStart(f func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running {
		panic("wsgate: Lifecycle.OnStart after App.Start: call it in the constructor")
	}
	l.starts = append(l.starts, hookFunc{f, mistake.Caller(1)})
}

// OnStop registers a function that runs when the App has closed its last connection.
func (l *Lifecycle) OnStop(f func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stops = append(l.stops, stopFunc{hookFunc{f, mistake.Caller(1)}, len(l.starts)})
}

var errStarted = errors.New("wsgate: the App was started or stopped before")

// start runs the start functions, once.
func (l *Lifecycle) start(ctx context.Context) error {
	l.mu.Lock()
	if l.running || l.stopped {
		l.mu.Unlock()
		return errStarted
	}
	l.running = true
	starts := l.starts
	l.mu.Unlock()
	for i, f := range starts {
		if err := f.bounded(ctx); err != nil {
			return f.failed("OnStart", err)
		}
		if l.succeeded(i + 1) {
			continue
		}
		for _, stop := range l.stops { // those that stop has skipped
			if stop.behind == i+1 {
				_ = stop.bounded(context.WithoutCancel(ctx))
			}
		}
		return errStarted
	}
	return nil
}

// succeeded notes how many start functions have succeeded. It reports false if it is too late.
func (l *Lifecycle) succeeded(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started = n
	return !l.stopped
}

// ready reports whether the App may serve.
func (l *Lifecycle) ready() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.started == len(l.starts)
}

// stop runs the stop functions, once.
func (l *Lifecycle) stop(ctx context.Context) error {
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		return nil
	}
	l.stopped = true
	stops, started := l.stops, l.started
	l.mu.Unlock()
	var errs []error
	for i := len(stops) - 1; i >= 0; i-- {
		if stops[i].behind > started {
			continue
		}
		if err := stops[i].bounded(ctx); err != nil {
			errs = append(errs, stops[i].failed("OnStop", err))
		}
	}
	return errors.Join(errs...)
}

// bounded runs the function until it returns or ctx is done, and turns a panic into an error.
func (f hookFunc) bounded(ctx context.Context) error {
	if f.pos == "" {
		return f.run(ctx) // the App bounds its own
	}
	done := make(chan error, 1)
	go func() { // nobody can wait longer than ctx for a function that ignores it
		done <- guard(func() error { return f.run(ctx) })
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		select {
		case err := <-done:
			return err
		default:
			return context.Cause(ctx)
		}
	}
}
