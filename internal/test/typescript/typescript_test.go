package typescript_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wsgate/wsgate/internal/test/need"
	"github.com/wsgate/wsgate/internal/test/npm"
	"github.com/wsgate/wsgate/internal/test/typescript"
)

// project makes a folder with the files of testdata and the packages, among them the client package as npm would
// install it.
func project(t *testing.T) (dir string) {
	t.Helper()
	need.Program(t, "node")
	modules := npm.Modules(t, "typescript", "ws", "@types/ws", "@types/node", "@types/react", "react", "svelte", "esbuild")
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "node_modules", "@wsgate", "client")
	if err := os.MkdirAll(own, 0o755); err != nil {
		t.Fatal(err)
	}
	typescript.Build(t, filepath.Join(own, "dist"))
	manifest, err := os.ReadFile(filepath.Join(typescript.Package(), "package.json"))
	if err == nil {
		err = os.WriteFile(filepath.Join(own, "package.json"), manifest, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(modules)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Symlink(filepath.Join(modules, e.Name()), filepath.Join(dir, "node_modules", e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run runs a program in a folder and returns what it prints.
func run(t *testing.T, dir string, env []string, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func serve(t *testing.T, dir string) *typescript.Server {
	t.Helper()
	s, err := typescript.NewServer(filepath.Join(dir, "node_modules/@wsgate/client/dist"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// The source compiles in the strictest form, and the types refuse what they should.
func TestTypes(t *testing.T) {
	dir := project(t)
	typescript.Compile(t, "-p", dir)
}

func TestNode(t *testing.T) {
	dir := project(t)
	for _, socket := range []string{"own", "ws"} {
		t.Run(socket, func(t *testing.T) {
			t.Parallel()
			s := serve(t, dir)
			env := []string{"SERVER=" + s.Address, "SECOND=" + s.Second, "SOCKET=" + socket}
			run(t, dir, env, "node", "--experimental-websocket", "--no-warnings", "--test-reporter=spec", "real.test.mjs")
		})
	}
}

// What the timers decide, with a WebSocket that the test plays and with fake timers.
func TestTimers(t *testing.T) {
	run(t, project(t), nil, "node", "--no-warnings", "--test-reporter=spec", "fake.test.mjs")
}
