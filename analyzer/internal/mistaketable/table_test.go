package mistaketable_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/wsgate/wsgate/internal/test/consumer"
)

var update = flag.Bool("update", false, "write docs/mistakes.md")

const document = "../../../docs/mistakes.md"

const head = `# Diagnostics: what each tool reports

Mistakes in using wsgate, who finds each of them first to last, and what the first one says. The **compiler** is Go's.
The **analyzer** is [wsgatevet](../analyzer), for ` + "`go vet -vettool`" + ` and editors. **New** is ` + "`wsgate.New`" + `, which reports
all of them at once before anything is served. **Handle** is ` + "`App.Handle`" + `. **wstest** is a test that builds the module with the
test kit.

This page is written by a test that makes each of the mistakes: ` + "`go test ./analyzer/internal/mistaketable -update`" + `.

| mistake | found by | message |
|---|---|---|
`

// Every mistake is found by somebody, and docs/mistakes.md says by whom and how.
func TestMistakes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the go command writes paths with backslashes there")
	}
	programs := map[string]string{} // the code, by directory
	for i, m := range mistakes {
		programs[dirOf(i)] = m.code
		for k, f := range m.fixes {
			programs[fixOf(i, k)] = f.apply(t, m)
		}
	}
	found := find(t, programs)
	var table strings.Builder
	table.WriteString(head)
	for i, m := range mistakes {
		findings := found[dirOf(i)]
		if len(findings) == 0 {
			t.Errorf("nobody finds that %s", m.name)
			continue
		}
		var finders []string
		for _, f := range findings {
			if !slices.Contains(finders, f.finder) {
				finders = append(finders, f.finder)
			}
		}
		fmt.Fprintf(&table, "| %s | %s | %s |\n", m.name, strings.Join(finders, ", "), cell(findings[0].message))
		if len(m.fixes) == 0 {
			t.Errorf("%s: no program that follows the advice", m.name)
		}
		for k := range m.fixes {
			for _, f := range found[fixOf(i, k)] {
				t.Errorf("%s: fix %d follows\n%s\nbut %s says\n%s", m.name, k, findings[0].message, f.finder, f.message)
			}
		}
	}
	checkAdvice(t, found)
	if *update {
		if err := os.WriteFile(document, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != table.String() {
		t.Errorf("docs/mistakes.md is not what is found: run this test with -update and look at the difference\ngot\n%s", table.String())
	}
}

// cell puts a message of several lines into a table.
func cell(message string) string {
	var lines []string
	for line := range strings.Lines(message) {
		line = strings.ReplaceAll(strings.TrimSpace(line), "|", `\|`)
		lines = append(lines, "`"+strings.ReplaceAll(line, "`", "'")+"`")
	}
	return strings.Join(lines, "<br>")
}

// finding is what somebody says of a mistake.
type finding struct{ finder, message string }

func dirOf(i int) string    { return fmt.Sprintf("m%02d", i) }
func fixOf(i, k int) string { return fmt.Sprintf("%s_%d", dirOf(i), k) }

// apply makes the program that follows an advice.
func (f fix) apply(t *testing.T, m mistake) string {
	code := m.code
	for i := 0; i < len(f); i += 2 {
		if n := strings.Count(code, f[i]); n != 1 {
			t.Fatalf("%s: %q is %d times in the program, want it once", m.name, f[i], n)
		}
		code = strings.Replace(code, f[i], f[i+1], 1)
	}
	return code
}

// compiled has the compiler report every mistake, not just the first ten, and spend no time on good code. With the same
// flags for everybody it compiles once.
const compiled = "-gcflags=mistakes/...=-e -N -l -dwarf=false"

// find puts programs into a module, each a package, and asks everybody. The findings are by directory.
func find(t *testing.T, programs map[string]string) map[string][]finding {
	module := consumer.New(t, "mistakes", nil)
	for dir, code := range programs {
		module.Write(dir+"/chat/chat.go", source(code))
	}
	run := func(args ...string) string { // may fail
		out, _ := module.Command("go", args...).CombinedOutput()
		return string(out)
	}

	found := map[string][]finding{}
	for pkg, message := range byPackage(run("build", compiled, "./...")) {
		found[pkg] = append(found[pkg], finding{"compiler", message})
	}
	var rest []string
	for _, dir := range slices.Sorted(maps.Keys(programs)) {
		if found[dir] == nil {
			rest = append(rest, dir)
		}
	}
	vet := append([]string{"vet", compiled, "-vettool=" + analyzer(t)}, patterns(rest)...)
	for pkg, message := range byPackage(run(vet...)) {
		found[pkg] = append(found[pkg], finding{"analyzer", message})
	}
	module.Write("main.go", asker(rest))
	output := run("run", compiled, ".")
	var answers map[string]struct{ New, Handle, Wstest string }
	if err := json.Unmarshal([]byte(output), &answers); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for pkg, a := range answers {
		if a.New != "" {
			found[pkg] = append(found[pkg], finding{"New", a.New})
		}
		if a.Handle != "" {
			found[pkg] = append(found[pkg], finding{"Handle", a.Handle})
		}
		if a.Wstest != "" {
			found[pkg] = append(found[pkg], finding{"wstest", a.Wstest})
		}
	}
	return found
}

var packages = map[string]string{
	"context.": "context", "errors.": "errors", "http.": "net/http", "slog.": "log/slog", "time.": "time",
	"dig.": "go.uber.org/dig", "wsgate.": "github.com/wsgate/wsgate", "wstest.": "github.com/wsgate/wsgate/wstest",
}

// source completes the code of a mistake.
func source(code string) string {
	var imports []string
	for use, path := range packages {
		if regexp.MustCompile(`\b` + regexp.QuoteMeta(use)).MatchString(code) {
			imports = append(imports, fmt.Sprintf("import %q\n", path))
		}
	}
	slices.Sort(imports)
	if !strings.Contains(code, "var Options") {
		code += "\nvar Options *wsgate.Options\n"
	}
	if !strings.Contains(code, "func Mount") {
		code += "\nvar Mount func(app *wsgate.App) error\n"
	}
	return "package chat\n\n" + strings.Join(imports, "") + code
}

// analyzer builds the analyzer.
func analyzer(t *testing.T) string {
	t.Helper()
	tool := filepath.Join(t.TempDir(), "wsgatevet")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", tool, "../../cmd/wsgatevet").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return tool
}

func patterns(dirs []string) (patterns []string) {
	for _, dir := range dirs {
		patterns = append(patterns, "./"+dir+"/chat")
	}
	return patterns
}

var position = regexp.MustCompile(`^(?:\./)?(m\w+)/chat/(chat\.go:\d+):\d+: (.*)`)

// byPackage takes the go command's output apart. A position comes behind its message, as in wsgate's own.
func byPackage(output string) map[string]string {
	found := map[string]string{}
	pkg := ""
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue // the compiler's head for a package
		}
		if m := position.FindStringSubmatch(line); m != nil {
			if pkg, line = m[1], m[3]; found[pkg] == "" {
				line += " (" + m[2] + ")"
			}
		}
		if found[pkg] != "" {
			line = "\n" + line
		}
		found[pkg] += line
	}
	return found
}

// asker is a program that asks wsgate.New, App.Handle and wstest about every package.
func asker(dirs []string) string {
	var imports, cases strings.Builder
	for _, dir := range dirs {
		fmt.Fprintf(&imports, "import %s \"mistakes/%s/chat\"\n", dir, dir)
		fmt.Fprintf(&cases, "\t%q: ask(%s.Module, %s.Options, %s.Mount),\n", dir, dir, dir, dir)
	}
	return `package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"runtime"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

` + imports.String() + `
type answer struct{ New, Handle, Wstest string }

func main() {
	json.NewEncoder(os.Stdout).Encode(map[string]answer{
` + cases.String() + `	})
}

var dir = regexp.MustCompile("\\bm\\w+/chat/")

func ask(m *wsgate.Module, o *wsgate.Options, mount func(*wsgate.App) error) (a answer) {
	options := wsgate.Options{Logger: slog.New(slog.DiscardHandler)}
	if o != nil {
		options = *o
	}
	app, err := wsgate.New(m, &options)
	if err != nil {
		return answer{New: dir.ReplaceAllString(err.Error(), "")}
	}
	if mount != nil {
		if err := mount(app); err != nil {
			return answer{Handle: dir.ReplaceAllString(err.Error(), "")}
		}
	}
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		wstest.New(r, m, wstest.With(&options))
	}()
	<-done
	return answer{Wstest: dir.ReplaceAllString(r.failure, "")}
}

// recorder is a testing.TB that keeps how the test failed.
type recorder struct {
	testing.TB
	failure string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Cleanup(func())           {}
func (r *recorder) Context() context.Context { return context.Background() }
func (r *recorder) Output() io.Writer        { return io.Discard }
func (r *recorder) Error(args ...any)        { r.failure += fmt.Sprintln(args...) }
func (r *recorder) Fatal(args ...any)        { r.Error(args...); runtime.Goexit() }
`
}
