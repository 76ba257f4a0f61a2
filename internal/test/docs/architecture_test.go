package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	root         = "../../.."
	architecture = root + "/docs/architecture.md"
)

// The page on the architecture has a row for each package of .ci/imports.txt and for each file of the root.
func TestArchitectureHasEverything(t *testing.T) {
	want := importingPackages(t)
	files, err := filepath.Glob(root + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			want = append(want, filepath.Base(file))
		}
	}
	rows := map[string]int{}
	for _, block := range blocks(prose(t, architecture)) {
		cells := strings.Split(block, "|")
		if len(cells) != 5 || !strings.HasPrefix(cells[1], " `") {
			continue // not a row of what knows what
		}
		name := strings.Trim(cells[1], " `")
		rows[name]++
		if strings.TrimSpace(cells[2]) == "" || strings.TrimSpace(cells[3]) == "" {
			t.Errorf("%s: the row of %s does not say what it knows, or what it must not know", architecture, name)
		}
	}
	for _, name := range want {
		if rows[name] != 1 {
			t.Errorf("%s: %d rows for %s, want one", architecture, rows[name], name)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("%s: a row for %s, which is neither a package of .ci/imports.txt nor a file of the root", architecture, name)
	}
}

// importingPackages returns the packages that .ci/imports.txt has lines of.
func importingPackages(t *testing.T) (names []string) {
	t.Helper()
	for line := range strings.Lines(read(t, root+"/.ci/imports.txt")) {
		if name, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "#") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Fatal("no packages in .ci/imports.txt")
	}
	return names
}

var quoted = regexp.MustCompile("`([^`]+)`")

// What the page names in backquotes is there: a file or directory, a target of make, or what is declared in a file that
// is named in the same paragraph, item or row.
func TestArchitectureNames(t *testing.T) {
	declared := map[string]bool{} // "file name"
	parsed := map[string]bool{}
	makefile := read(t, root+"/Makefile")
	for _, block := range blocks(prose(t, architecture)) {
		var files, names []string
		for _, m := range quoted.FindAllStringSubmatch(block, -1) {
			name := m[1]
			if target, ok := strings.CutPrefix(name, "make "); ok {
				if !strings.Contains(makefile, "\n"+target+":") {
					t.Errorf("%s: %s is no target", architecture, name)
				}
				continue
			}
			if _, err := os.Stat(filepath.Join(root, name)); err != nil {
				names = append(names, name)
				continue
			}
			if strings.HasSuffix(name, ".go") {
				files = append(files, name)
			}
		}
		for _, file := range files {
			if !parsed[file] {
				parsed[file] = true
				for _, name := range declarations(t, file) {
					declared[file+" "+name] = true
				}
			}
		}
		for _, name := range names {
			if !slices.ContainsFunc(files, func(file string) bool { return declared[file+" "+name] }) {
				t.Errorf("%s: %s is no file, and is not declared in any of %q, which are named with it:\n%s", architecture, name, files, block)
			}
		}
	}
	if len(declared) == 0 {
		t.Errorf("%s names no file with functions", architecture)
	}
}

// The drawing of the layers has every package but those that only tests use.
func TestArchitectureDrawing(t *testing.T) {
	drawings := fenced(t, architecture, "")
	if len(drawings) != 1 {
		t.Fatalf("%s has %d drawings, want one", architecture, len(drawings))
	}
	drawn := regexp.MustCompile(`[\w/]+`).FindAllString(drawings[0].code, -1)
	text := read(t, root+"/.ci/imports.txt")
	forTests := strings.Index(text, "# For tests only.")
	for _, name := range importingPackages(t) {
		if at := strings.Index(text, "\n"+name+":"); name != "." && at < forTests && !slices.Contains(drawn, strings.TrimPrefix(name, "internal/")) {
			t.Errorf("%s: %s is not in the drawing", architecture, name)
		}
	}
}

// declarations returns what a file of the repository declares; methods as Type.Method.
func declarations(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, decl := range f.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			names[receiver(decl)+decl.Name.Name] = true
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if spec, ok := spec.(*ast.TypeSpec); ok {
					names[spec.Name.Name] = true
				}
			}
		}
	}
	return slices.Collect(maps.Keys(names))
}

// receiver returns "Type." for a method, "" for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	typ := f.Recv.List[0].Type
	for {
		switch t := typ.(type) {
		case *ast.StarExpr:
			typ = t.X
		case *ast.IndexExpr:
			typ = t.X
		case *ast.Ident:
			return t.Name + "."
		default:
			return ""
		}
	}
}

var newBlock = regexp.MustCompile(`^(\s*$|#|\||[*-] |\d+\. )`)

// blocks returns the paragraphs, items and rows of a document.
func blocks(text string) (blocks []string) {
	var block strings.Builder
	for line := range strings.Lines(text) {
		if newBlock.MatchString(line) {
			blocks = append(blocks, block.String())
			block.Reset()
		}
		block.WriteString(line)
	}
	return append(blocks, block.String())
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
