// Package consumer makes modules that use this one, like users' modules, for tests that run the go command in them.
//
// The go command uses the dependencies that the test was built with, without a network. So a test works wherever it can
// be built.
package consumer

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	_ "github.com/wsgate/wsgate" // downloads its requirements for tests that import this package
)

// TB is what is used of a testing.TB. Programs that users link import no package that imports testing.
type TB interface {
	Helper()
	Context() context.Context
	TempDir() string
	Fatal(args ...any)
}

// Module is a module in a temporary directory.
type Module struct {
	t   TB
	dir string
}

// New makes a module with that path and those files, by slash-separated names. It may import this module, and packages of others
// of this repository that are named as well.
func New(t TB, path string, files map[string]string, packages ...string) *Module {
	t.Helper()
	m := &Module{t, t.TempDir()}
	m.Write("go.mod", "module "+path+"\n\ngo 1.26.0\n\n"+requirements(t, packages))
	for name, text := range files {
		m.Write(name, text)
	}
	return m
}

// requirements returns the requirements of a go.mod, with replacements by the directories that the test was built with.
func requirements(t TB, packages []string) string {
	t.Helper()
	const format = `{{with .Module}}{{.Path}}{{"\t"}}{{or .Version "v0.0.0"}}{{"\t"}}{{.Dir}}{{end}}`
	args := append([]string{"list", "-deps", "-f", format, "github.com/wsgate/wsgate/wstest"}, packages...)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(fmt.Sprintf("%v: %v\n%s", cmd, err, stderr(err)))
	}
	var text strings.Builder
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) == 3 && !seen[line] {
			seen[line] = true
			fmt.Fprintf(&text, "require %s %s\nreplace %[1]s => %[3]q\n", fields[0], fields[1], filepath.ToSlash(fields[2]))
		}
	}
	return text.String()
}

// stderr returns the output of a failed command.
func stderr(err error) []byte {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.Stderr
	}
	return nil
}

// Write writes a file with a slash-separated name.
func (m *Module) Write(name, text string) {
	m.t.Helper()
	name = filepath.Join(m.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// Command returns a command that runs in the module: the go command or one that runs it.
func (m *Module) Command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(m.t.Context(), name, args...)
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOPROXY=off", "GOFLAGS="+os.Getenv("GOFLAGS")+" -mod=mod")
	return cmd
}
