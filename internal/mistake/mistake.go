// Package mistake formats a programmer's mistakes.
package mistake

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// A Mistake is a programmer's error found at start-up.
type Mistake struct {
	What  string // what is wrong, with the Go type or the name it is about
	Where string // file:line, if there is one
	Have  string
	Want  string
	Fix   string // what to do
	Err   error  // the underlying error, if there is one
}

func (m *Mistake) Error() string {
	var b strings.Builder
	what, rest, more := strings.Cut(m.What, "\n") // of an error that has several lines
	b.WriteString("wsgate: " + what)
	if m.Where != "" {
		b.WriteString(" (" + m.Where + ")")
	}
	if more {
		b.WriteString("\n" + rest)
	}
	for _, line := range [...][2]string{{"have", m.Have}, {"want", m.Want}, {"fix:", m.Fix}} {
		if line[1] != "" {
			b.WriteString("\n\t" + line[0] + " " + line[1])
		}
	}
	return b.String()
}

// Caller returns the file:line of a caller; 0 is the caller of Caller.
func Caller(skip int) string {
	_, file, line, ok := runtime.Caller(skip + 1)
	if !ok {
		return ""
	}
	return Position(file, line)
}

// Callers returns the lines through which the program has called package pkg: first the outermost, which was called by
// pkg, the runtime, reflection or a test, then at most max of the innermost.
func Callers(pkg string, most int) string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var lines []string
	for more := true; more && len(lines) < most; {
		var f runtime.Frame
		f, more = frames.Next()
		switch {
		case isOf(f, pkg) && len(lines) == 0:
		case isOf(f, pkg) || isOf(f, "runtime") || isOf(f, "reflect") || isOf(f, "testing"):
			more = false
		default:
			lines = append(lines, Position(f.File, f.Line))
		}
	}
	slices.Reverse(lines)
	return strings.Join(lines, " through ")
}

// isOf reports whether a frame's function belongs to the package.
func isOf(f runtime.Frame, pkg string) bool { return strings.HasPrefix(f.Function, pkg+".") }

// Position returns file:line, with the file relative to the working directory if possible.
func Position(file string, line int) string {
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, file); err == nil && !strings.HasPrefix(rel, "..") {
			file = rel
		}
	}
	return file + ":" + strconv.Itoa(line)
}

// Unwrap returns the underlying error.
func (m *Mistake) Unwrap() error { return m.Err }

var spelled = strings.NewReplacer("interface {}", "any", "interface{}", "any", "[]uint8", "[]byte", "jsontext.Value", "json.RawMessage")

var importPath = regexp.MustCompile(`[\w~-][\w.~-]*/(?:[\w.~-]+/)*`)

// Type shortens the import paths in the printed form of a type to package names, as the compiler does. It prints any,
// []byte and json.RawMessage by these names, even where they are aliases of types that depend on the release of Go.
func Type(printed string) string {
	return spelled.Replace(importPath.ReplaceAllString(printed, ""))
}
