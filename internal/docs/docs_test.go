package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The program of the README and of the package comment is one and the same, and it compiles.
func TestProgramCompiles(t *testing.T) {
	readme := firstProgram(t, goBlocks(t, "../../README.md"))
	comment := commentProgram(t)
	if _, body, _ := strings.Cut(readme, "package main\n"); strings.TrimSpace(body) != strings.TrimSpace(comment) {
		t.Error("the program in doc.go is not the one in README.md")
	}
	vet(t, map[string]string{
		"main.go": withImports(t, readme),
		"store.go": `package main

import "context"

type Store struct{}

func NewStore() *Store { return new(Store) }

func (*Store) Save(ctx context.Context, from, text string) error { return ctx.Err() }
`,
	})
}

var fence = regexp.MustCompile("(?ms)^```go\n(.*?)^```")

// goBlocks returns the Go code in a Markdown file.
func goBlocks(t *testing.T, file string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

func firstProgram(t *testing.T, blocks []string) string {
	t.Helper()
	i := slices.IndexFunc(blocks, func(b string) bool { return strings.Contains(b, "package main\n") })
	if i < 0 {
		t.Fatal("no program")
	}
	return blocks[i]
}

// commentProgram returns the indented code of the package comment that has the program.
func commentProgram(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var code []string
	for line := range strings.Lines(string(text)) {
		line, ok := strings.CutPrefix(line, "//\t")
		switch {
		case ok:
			code = append(code, line)
		case len(code) > 0 && strings.TrimSpace(line) == "" || strings.TrimSpace(line) == "//":
			code = append(code, "\n")
		case len(code) > 10 && strings.Contains(strings.Join(code, ""), "func main()"):
			return strings.Join(code, "")
		default:
			code = nil
		}
	}
	t.Fatal("no program in the package comment")
	return ""
}

var importPaths = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "log": "log", "os": "os",
	"signal": "os/signal", "slog": "log/slog", "strings": "strings", "syscall": "syscall", "time": "time",
	"websocket": "github.com/coder/websocket", "wsgate": "github.com/wsgate/wsgate",
}

// withImports adds the imports that a program in a document leaves out.
func withImports(t *testing.T, program string) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "main.go", program, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && importPaths[x.Name] != "" {
				used[importPaths[x.Name]] = true
			}
		}
		return true
	})
	var imports strings.Builder
	for path := range used {
		imports.WriteString("import \"" + path + "\"\n")
	}
	return strings.Replace(program, "package main\n", "package main\n"+imports.String(), 1)
}

// vet compiles and vets the files as a module of their own that uses this one.
func vet(t *testing.T, files map[string]string) {
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
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "vet", "-mod=mod", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
