package docs_test

import (
	"flag"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var onlyPage = flag.String("page", "*", "check only this `page` of the guide, as rooms")

// The Go code of the guide compiles, is free of what vet finds, and its tests pass with the race detector on. The rules
// for those who write a page:
//
//   - All blocks of Go in a page are pieces of one package, in the order of the page and each a file of its own.
//   - A block that begins with a package clause begins another package, or goes on with one that the page had before;
//     the blocks after it belong to it as well.
//   - A block is declarations, or statements, which are put into a function that nobody calls.
//   - Functions TestXxx are tests. Others, as examples and benchmarks, are not run.
//   - Imports may be left out, see importPaths.
//
// All packages become one test program, since linking one for each would take longer than everything else.
func TestGuide(t *testing.T) {
	pages, err := filepath.Glob("../../../docs/" + *onlyPage + ".md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	var packages []*pagePackage
	files := map[string]string{}
	for _, page := range pages {
		packages = append(packages, packagesIn(t, page)...)
	}
	for _, p := range packages {
		for name, text := range p.files {
			files[p.dir+"/"+name] = text
		}
		if len(p.tests) > 0 {
			files[p.dir+"/tests.go"] = p.listTests()
		}
	}
	files["guide_test.go"] = runTests(packages)
	t.Setenv("WSGATE_UPDATE", "1") // a page's test of its contract has no files yet
	args := []string{"test", "-vet=all", "./..."}
	if testing.Verbose() {
		args = append(args, "-v")
	}
	if raceDetector(t) {
		args = append(args, "-race")
	}
	runGo(t, files, args...)
}

// pagePackage is a package that a page has the pieces of.
type pagePackage struct {
	dir, name string
	files     map[string]string
	tests     []string // names of functions
}

// listTests returns a file that exports the package's tests.
func (p *pagePackage) listTests() string {
	var b strings.Builder
	fmt.Fprintf(&b, "package %s\nimport \"testing\"\nvar GuideTests = []testing.InternalTest{\n", p.name)
	for _, name := range p.tests {
		fmt.Fprintf(&b, "{%q, %s},\n", name, name)
	}
	return b.String() + "}\n"
}

// runTests returns the test that runs those of all packages.
func runTests(packages []*pagePackage) string {
	imports, calls := "", ""
	for i, p := range packages {
		if len(p.tests) > 0 {
			imports += fmt.Sprintf("import p%d \"docs/%s\"\n", i, p.dir)
			calls += fmt.Sprintf("for _, tt := range p%d.GuideTests { t.Run(%q+tt.Name, tt.F) }\n", i, p.dir+"/")
		}
	}
	return "package docs_test\nimport \"testing\"\n" + imports + "func TestPages(t *testing.T) {\n" + calls + "}\n"
}

var (
	packageClause = regexp.MustCompile(`(?m)\A(?://.*\n)*package (\w+)\n`)
	testFunction  = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// packagesIn returns the packages of a page.
func packagesIn(t *testing.T, page string) (packages []*pagePackage) {
	t.Helper()
	base := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(page), ".md"), "-", "")
	byName := map[string]*pagePackage{}
	var p *pagePackage
	begin := func(name string) {
		if name == "main" {
			name = "program" // a package main cannot be imported
		}
		if p = byName[name]; p == nil {
			p = &pagePackage{dir: base + "/" + name, name: name, files: map[string]string{}}
			byName[name] = p
			packages = append(packages, p)
		}
	}
	for _, b := range goBlocks(t, page) {
		if formatted, err := format.Source([]byte(b.code)); err == nil && string(formatted) != b.code {
			t.Errorf("%s:%d: not as gofmt has it, want\n%s", page, b.line, formatted)
		}
		clause := packageClause.FindStringSubmatch(b.code)
		switch {
		case clause != nil:
			begin(clause[1])
		case p == nil:
			begin(base)
		}
		p.files[fmt.Sprintf("block%02d.go", len(p.files))] = asFile(t, b, p.name)
		for _, m := range testFunction.FindAllStringSubmatch(b.code, -1) {
			p.tests = append(p.tests, m[1])
		}
	}
	return packages
}

// asFile makes a whole file of a block. The compiler finds the lines in the page.
func asFile(t *testing.T, b block, pkg string) string {
	t.Helper()
	clause, code, line := "package "+pkg+"\n", b.code, b.line
	if own := packageClause.FindString(code); own != "" {
		code, line = code[len(own):], line+strings.Count(own, "\n")
	} else if !parses(clause + code) {
		code = "func _() {\n//line " + filepath.Base(b.page) + fmt.Sprintf(":%d\n", line) + code + "}\n"
		if !parses(clause + code) {
			t.Errorf("%s:%d: neither declarations nor statements", b.page, line)
			return clause
		}
	}
	return clause + importsFor(t, clause+code) + fmt.Sprintf("//line %s:%d\n", filepath.Base(b.page), line) + code
}

func parses(file string) bool {
	_, err := parser.ParseFile(token.NewFileSet(), "", file, parser.SkipObjectResolution)
	return err == nil
}

// block is a fenced block of code in a document.
type block struct {
	page string
	line int // of the first line of code
	code string
}

// goBlocks returns the Go code in a Markdown file.
func goBlocks(t *testing.T, file string) []block { return fenced(t, file, "go") }

// fenced returns the blocks in that language.
func fenced(t *testing.T, file, language string) (blocks []block) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	begin, open, line := 0, "", 0
	for s := range strings.Lines(string(text)) {
		line++
		switch fence, found := strings.CutPrefix(strings.TrimRight(s, "\n"), "```"); {
		case !found:
			code.WriteString(s)
		case begin == 0:
			begin, open = line+1, fence
			code.Reset()
		case fence == "":
			if open == language {
				blocks = append(blocks, block{file, begin, code.String()})
			}
			begin = 0
		default:
			t.Fatalf("%s:%d: a fence inside of a fence", file, line)
		}
	}
	if begin > 0 {
		t.Fatalf("%s:%d: a fence without an end", file, begin-1)
	}
	return blocks
}
