package wsgate

import (
	"errors"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/wsgate/wsgate/internal/mistake"
)

// guard calls f and turns a panic into a [*PanicError].
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = newPanicError(v)
		}
	}()
	return f()
}

// newPanicError returns the error of a panic, to be called by the deferred function that recovers from it.
func newPanicError(v any) *PanicError {
	return &PanicError{Value: v, Stack: debug.Stack(), pos: panicPos()}
}

// panicPos returns where the panic happened, to be called as newPanicError is.
func panicPos() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for panicking := false; ; {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			panicking = true
		case panicking && !strings.HasPrefix(f.Function, "runtime."):
			return mistake.Position(f.File, f.Line)
		}
		if !more {
			return ""
		}
	}
}

// errGoexit is the cause of the end of a connection whose hook ended its goroutine.
var errGoexit = errors.New("wsgate: a hook called runtime.Goexit")
