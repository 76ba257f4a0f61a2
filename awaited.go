package wsgate

import (
	"context"
	"reflect"
	"runtime"
	"strings"

	"github.com/wsgate/wsgate/internal/mistake"
)

// awaited are the functions, behind this package's path, that call a program's code and for whose end Shutdown waits, with
// what that code is.
var awaited = map[string]string{
	".(*conn).run":                   "a hook, a handler or middleware",
	".(*route).ServeHTTP":            "an upgrade",
	".(*route).decide":               "OnUpgrade",
	".(*hookCall).do":                "a function of a Lifecycle",
	"/internal/hub.(*callbacks).run": "Options.OnBroker",
}

// checkCaller returns an error if the end of the App waits for the caller of Shutdown, whose context is ctx. The stack
// tells, whatever the context: one that was derived from a hook's may well be that of a goroutine which nobody waits for.
// Only of which App the hook is, the context alone can tell.
func (a *App) checkCaller(ctx context.Context) error {
	if app, ok := ctx.Value(appKey{}).(*App); ok && app != a {
		return nil
	}
	who := awaitedCaller()
	if who == "" {
		return nil
	}
	return &mistake.Mistake{
		What: "App.Shutdown would wait for its own caller", Where: mistake.Caller(2),
		Have: "a call by " + who + ", for which it waits",
		Fix:  "call it in a goroutine, and return: go app.Shutdown(context.WithoutCancel(ctx))",
	}
}

// awaitedCaller returns by what this goroutine was called that Shutdown waits for, "" if it was not.
func awaitedCaller() string {
	var pcs [64]uintptr
	for skip := 3; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		frames := runtime.CallersFrames(pcs[:n])
		for more := n > 0; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if who := awaitedFunc(f.Function); who != "" {
				return who
			}
		}
		if n < len(pcs) {
			return ""
		}
	}
}

var packagePath = reflect.TypeFor[App]().PkgPath()

// awaitedFunc returns what the code is that a function calls, "" if Shutdown does not wait for it.
func awaitedFunc(function string) string {
	name, ours := strings.CutPrefix(function, packagePath)
	if !ours {
		return ""
	}
	for prefix, who := range awaited {
		if rest, ok := strings.CutPrefix(name, prefix); ok && (rest == "" || rest[0] == '.') { // or a closure in it
			return who
		}
	}
	return ""
}

// appKey is the key under which the context of a hook has its App.
type appKey struct{}
