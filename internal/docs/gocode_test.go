package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// importPaths are the packages that the code in a document may use without importing them.
var importPaths = map[string]string{
	"atomic": "sync/atomic", "base64": "encoding/base64", "bytes": "bytes", "cmp": "cmp", "context": "context",
	"dig": "go.uber.org/dig", "errors": "errors", "filepath": "path/filepath", "flag": "flag", "fmt": "fmt", "hmac": "crypto/hmac", "http": "net/http",
	"httptest": "net/http/httptest", "io": "io", "iter": "iter", "json": "encoding/json", "log": "log", "maps": "maps",
	"net": "net", "netip": "net/netip", "os": "os", "rand": "crypto/rand", "sha256": "crypto/sha256", "signal": "os/signal", "slices": "slices",
	"slog": "log/slog", "strconv": "strconv", "strings": "strings", "subtle": "crypto/subtle", "sync": "sync",
	"synctest": "testing/synctest", "syscall": "syscall", "testing": "testing", "time": "time", "tls": "crypto/tls",
	"url": "net/url", "utf8": "unicode/utf8", "websocket": "github.com/coder/websocket",
	"wsgate": "github.com/wsgate/wsgate", "wstest": "github.com/wsgate/wsgate/wstest", "x509": "crypto/x509",
}

// withImports adds the imports that a program in a document leaves out.
func withImports(t *testing.T, program string) string {
	t.Helper()
	return strings.Replace(program, "package main\n", "package main\n"+importsFor(t, program), 1)
}

// importsFor returns the imports that a file leaves out.
func importsFor(t *testing.T, file string) string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), "main.go", file, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && importPaths[x.Name] != "" {
				used[importPaths[x.Name]] = true
			}
		}
		return true
	})
	for _, own := range parsed.Imports {
		delete(used, strings.Trim(own.Path.Value, `"`))
	}
	var imports strings.Builder
	for _, path := range slices.Sorted(maps.Keys(used)) {
		imports.WriteString("import \"" + path + "\"\n")
	}
	return imports.String()
}

// newModule writes the files as a module of their own that uses this one, and returns its directory.
func newModule(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	files["go.sum"] = string(sums)
	files["go.mod"] = "module docs\ngo 1.25\nrequire github.com/wsgate/wsgate v0.0.0\nreplace github.com/wsgate/wsgate => " + root + "\n"
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// runGo runs the go command in a module.
func runGo(t *testing.T, dir string, args ...string) {
	t.Helper()
	out, err := goCommand(t, dir, args...).CombinedOutput()
	if err != nil {
		t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	} else {
		t.Logf("go %s\n%s", strings.Join(args, " "), out)
	}
}

func goCommand(t *testing.T, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	return cmd
}

// raceDetector reports whether there is one: the platform has it, and a C compiler is there.
func raceDetector(t *testing.T) bool {
	return goCommand(t, ".", "list", "-race", "-f", "{{.Name}}", "runtime").Run() == nil
}
