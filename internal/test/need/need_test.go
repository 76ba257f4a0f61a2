package need_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/wsgate/wsgate/internal/test/need"
)

// ended is a test that keeps how it ended.
type ended struct{ how string }

func (*ended) Helper()             {}
func (e *ended) Skip(args ...any)  { e.end("skip: ", args) }
func (e *ended) Fatal(args ...any) { e.end("fatal: ", args) }

func (e *ended) end(how string, args []any) {
	e.how = how + fmt.Sprint(args...)
	runtime.Goexit()
}

func TestProgram(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there.exe") // so named for Windows
	if err := os.WriteFile(there, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for _, tt := range []struct {
		require   string
		programs  []string
		path, how string
	}{
		{"", []string{"there.exe"}, there, ""},
		{"", []string{"away", "there.exe"}, there, ""},
		{"1", []string{"there.exe", "away"}, there, ""},
		{"", []string{"away"}, "", "skip: not installed: away"},
		{"", []string{"away", "gone"}, "", "skip: not installed: away or gone"},
		{"1", []string{"away"}, "", "fatal: not installed: away, and WSGATE_REQUIRE_ALL is set"},
	} {
		t.Setenv("WSGATE_REQUIRE_ALL", tt.require)
		e, path, done := new(ended), "", make(chan struct{})
		go func() {
			defer close(done)
			path = need.Program(e, tt.programs...)
		}()
		<-done
		if path != tt.path || e.how != tt.how {
			t.Errorf("%q with %q: got %q, %q; want %q, %q", tt.programs, tt.require, path, e.how, tt.path, tt.how)
		}
	}
}
