package wsgate

import (
	"context"
	"reflect"
	"runtime"
	"strings"

	"github.com/wsgate/wsgate/internal/mistake"
)

// awaited lists the functions, without this package's path, that call user code and for which Shutdown waits, with a
// description of that code.
var awaited = map[string]string{
	".(*conn).run":                   "a hook, a handler or middleware",
	".(*conn).resume":                "a hook, a handler or middleware",
	".(*route).ServeHTTP":            "an upgrade",
	".(*route).decide":               "OnUpgrade",
	".(*expiry).ask":                 "OnRefresh",
	".(*hookCall).do":                "a function of a Lifecycle",
	"/internal/hub.(*callbacks).run": "Options.OnBroker",
}

// checkCaller returns an error if Shutdown, called with ctx, would wait for its own caller. It inspects the stack, as a
// context derived from a hook's may be used on a goroutine that nothing waits for. The context only tells which App the
// hook belongs to.
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

// awaitedCaller describes the user code on this goroutine's stack that Shutdown waits for, "" if there is none.
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

// awaitedFunc describes the user code that the function calls, "" if Shutdown does not wait for it.
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

// appKey is the context key of the App of a hook, or of an HTTP handler.
type appKey struct{}
