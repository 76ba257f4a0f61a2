// Package guard calls the program's code, which may panic, on goroutines that are not the program's.
package guard

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/wsgate/wsgate/internal/mistake"
)

// Panic is what became of a panic.
type Panic struct {
	Value any    // what was passed to panic
	Stack []byte // where, as runtime/debug.Stack prints it
	Pos   string // file:line of the panic
}

func (p *Panic) Error() string { return fmt.Sprintf("wsgate: panic: %v", p.Value) }

// Call calls f. A panic in it is a [*Panic].
func Call(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = Recovered(v)
		}
	}()
	return f()
}

// Recovered returns the panic of which v is the value. The deferred function that recovers from it calls this.
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
