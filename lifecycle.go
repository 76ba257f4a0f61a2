package wsgate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/wsgate/wsgate/internal/mistake"
)

// Lifecycle starts and stops what a constructor makes together with the App. A constructor that asks for a *Lifecycle
// gets it, and calls OnStart and OnStop before it returns.
//
// The start functions run in the order of construction, before the first connection is accepted. The first error ends
// the start. [App.Shutdown] ends it too, and cancels the context of the start functions with the cause [ErrShutdown].
// The stop functions run in the reverse order after the last OnClose. Each of them runs, whatever the others return,
// except those that were registered after a start function that did not run, or that failed. All start and stop
// functions are bounded by the context they get; one that does not return in time is not waited for.
type Lifecycle struct {
	mu       sync.Mutex // guards following
	starts   []hookFunc
	stops    []stopFunc              // not yet run
	started  int                     // starts that succeeded
	starting chan struct{}           // closed when no start function runs any more; nil before App.Start
	halt     context.CancelCauseFunc // ends the context of the start functions; nil before App.Start
	stopping bool                    // no further start function begins
	taken    chan struct{}           // closed when calls has the stop functions to run
	calls    []*hookCall             // calls of stop functions
}

func newLifecycle() *Lifecycle { return &Lifecycle{taken: make(chan struct{})} }

// hookFunc is a registered function.
type hookFunc struct {
	run    func(context.Context) error
	method string // OnStart or OnStop; for the App's own functions, a description
	pos    string // file:line of the registration; "" for the App's own functions
	bounds bool   // it honors its context, so it can be waited for
}

type stopFunc struct {
	hookFunc
	behind int // number of start functions registered before it
}

// OnStart registers a function that runs before the App serves.
func (l *Lifecycle) OnStart(f func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.starting != nil {
		panic("wsgate: Lifecycle.OnStart after App.Start: call it in the constructor")
	}
	l.starts = append(l.starts, hookFunc{run: f, method: "OnStart", pos: mistake.Caller(1)})
}

// OnStop registers a function that runs when the App has closed its last connection.
func (l *Lifecycle) OnStop(f func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stops = append(l.stops, stopFunc{hookFunc{run: f, method: "OnStop", pos: mistake.Caller(1)}, len(l.starts)})
}

var errStarted = errors.New("wsgate: the App was started or stopped before")

// start runs the start functions, once.
func (l *Lifecycle) start(ctx context.Context) error {
	ctx, starts, err := l.beginStart(ctx)
	if err != nil {
		return err
	}
	defer close(l.starting)
	for i, f := range starts {
		if err := f.call().begin(ctx).wait(ctx); err != nil {
			return err
		}
		if l.succeeded(i + 1) {
			return ErrShutdown
		}
	}
	return nil
}

func (l *Lifecycle) beginStart(ctx context.Context) (context.Context, []hookFunc, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.starting != nil || l.stopping {
		return nil, nil, errStarted
	}
	l.starting = make(chan struct{})
	ctx, l.halt = context.WithCancelCause(ctx)
	return ctx, l.starts, nil
}

// succeeded records how many start functions have succeeded. It reports whether the App is stopping, so that no other
// may begin.
func (l *Lifecycle) succeeded(n int) (stopping bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started = n
	return l.stopping
}

// ready reports whether the App may serve.
func (l *Lifecycle) ready() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.started == len(l.starts)
}

// stop runs the stop functions that have not run yet, and returns what wait does.
func (l *Lifecycle) stop(ctx context.Context) error {
	l.endStart(ctx)
	for _, c := range l.take() {
		_ = c.begin(ctx).wait(ctx) // l.wait returns the errors
	}
	return l.wait(ctx)
}

// endStart cancels a start that is under way.
func (l *Lifecycle) endStart(ctx context.Context) {
	l.mu.Lock()
	l.stopping = true
	starting, halt := l.starting, l.halt
	l.mu.Unlock()
	if starting == nil {
		return
	}
	halt(ErrShutdown)
	_ = waitFor(ctx, starting) // if it does not end in time, who starts the App stops what has started after all
}

// take returns the calls of the stop functions to run now, in order.
func (l *Lifecycle) take() (calls []*hookCall) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stops = slices.DeleteFunc(l.stops, func(f stopFunc) bool {
		if f.behind > l.started {
			return false
		}
		calls = append(calls, f.call())
		return true
	})
	slices.Reverse(calls)
	l.calls = append(l.calls, calls...)
	select {
	case <-l.taken:
	default:
		close(l.taken)
	}
	return calls
}

// wait waits for the stop functions and returns their errors, and ctx's cause for those that are still running when ctx
// is done.
func (l *Lifecycle) wait(ctx context.Context) error {
	if err := waitFor(ctx, l.taken); err != nil {
		return err
	}
	l.mu.Lock()
	calls := slices.Clone(l.calls)
	l.mu.Unlock()
	var errs []error
	for _, c := range calls {
		errs = append(errs, c.wait(ctx))
	}
	return errors.Join(errs...)
}

// hookCall is a call of a function.
type hookCall struct {
	hookFunc
	done chan struct{}
	err  error // its result; set before done is closed
}

func (f hookFunc) call() *hookCall { return &hookCall{hookFunc: f, done: make(chan struct{})} }

// begin calls the function, on a new goroutine if it may ignore ctx, so that nothing waits for it longer than ctx
// lasts.
func (c *hookCall) begin(ctx context.Context) *hookCall {
	if c.bounds {
		c.do(ctx)
	} else {
		go c.do(ctx)
	}
	return c
}

// do calls the function and turns a panic into an error.
func (c *hookCall) do(ctx context.Context) {
	defer close(c.done)
	c.err = errGoexit
	c.err = safely(func() error { return c.run(ctx) })
}

// wait returns the function's error, or ctx's cause if ctx is done first.
func (c *hookCall) wait(ctx context.Context) error {
	if err := waitFor(ctx, c.done); err != nil {
		return c.failed(err)
	}
	return c.failed(c.err)
}

// waitFor waits until a channel is closed. It returns ctx's cause if ctx is done first.
func waitFor(ctx context.Context, closed <-chan struct{}) error {
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-closed: // both were ready
		return nil
	default:
		return context.Cause(ctx)
	}
}

// failed wraps the function's error.
func (f hookFunc) failed(err error) error {
	switch {
	case err == nil || f.method == "":
		return err
	case f.pos == "":
		return fmt.Errorf("wsgate: %s: %w", f.method, err)
	}
	return fmt.Errorf("wsgate: %s at %s: %w", f.method, f.pos, err)
}
