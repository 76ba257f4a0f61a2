// Package typescript builds the client package in clients/typescript. Its tests run it against a real server.
package typescript

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/wsgate/wsgate/internal/test/need"
	"github.com/wsgate/wsgate/internal/test/npm"
)

// Package returns the folder of the client package.
func Package() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../../clients/typescript")
}

// Build compiles the client package into a folder, which gets index.js and index.d.ts. Without the npm packages the test
// ends as by need.Missing.
func Build(t need.TB, dir string) {
	t.Helper()
	Compile(t, "-p", Package(), "--outDir", dir)
}

// Compile runs the compiler of TypeScript, and fails the test if it complains.
func Compile(t need.TB, args ...string) {
	t.Helper()
	node := need.Program(t, "node")
	tsc := filepath.Join(npm.Modules(t, "typescript"), "typescript", "bin", "tsc")
	if _, err := os.Stat(tsc); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(node, append([]string{tsc}, args...)...).CombinedOutput(); err != nil {
		t.Fatal("tsc: " + err.Error() + "\n" + string(out))
	}
}
