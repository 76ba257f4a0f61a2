// Package guard calls user code, which may panic, on goroutines of the library.
package guard

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/wsgate/wsgate/internal/mistake"
)

// Panic is a recovered panic as an error.
type Panic struct {
	Value any    // what was passed to panic
	Stack []byte // where, as runtime/debug.Stack prints it
	Pos   string // file:line of the panic
}

func (p *Panic) Error() string { return fmt.Sprintf("wsgate: panic: %v", p.Value) }

// Call calls f, and returns a panic in it as a [*Panic].
func Call(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = Recovered(v)
		}
	}()
	return f()
}

// Recovered returns the Panic with the recovered value v. It is called by the deferred function that recovers.
func Recovered(v any) *Panic {
	return &Panic{Value: v, Stack: debug.Stack(), Pos: position()}
}

// position returns where the panic happened; Recovered calls it.
func position() string {
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
