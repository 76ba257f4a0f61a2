package mistaketable_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// followed are the tests that follow an advice which no program of the table can: that of wstest.Replace, and those of an
// App that is there already.
var followed = map[string]string{
	"call it in a goroutine":                "shutdown_caller_test.go: TestShutdownFromWhatItWaitsFor",
	"give it one; if it is not yours":       "upgrade_wrapped_test.go: TestWrappedResponseWriter",
	"remove http2xconnect=1 from GODEBUG":   "upgrade_http2_test.go: TestExtendedCONNECT",
	"register the route before New":         "registry_test.go: TestRegisterBeforeNew",
	"replace the type":                      "wstest/replace_test.go: TestReplaceOfWhatNothingProvides",
	"remove it; wstest.With sets Options":   "wstest/replace_test.go: TestReplaceOfWhatNothingProvides",
	"replace the services that the gateway": "wstest/replace_test.go: TestReplaceOfWhatNothingProvides",
}

const repository = "../../.."

// checkAdvice checks that every Fix in the source was followed, by a program of the table or by another test.
func checkAdvice(t *testing.T, found map[string][]finding) {
	var seen strings.Builder
	for _, findings := range found {
		for _, f := range findings {
			seen.WriteString(f.message + "\n")
		}
	}
	for place, pattern := range advices(t) {
		switch {
		case strings.Contains(pattern.String(), "fix: .*$"):
			t.Errorf("%s: the text of this advice cannot be read from the source", place)
		case !pattern.MatchString(seen.String()) && !isFollowed(t, pattern):
			t.Errorf("%s: no mistake of the table has the advice %s", place, pattern)
		}
	}
}

func isFollowed(t *testing.T, pattern *regexp.Regexp) bool {
	for text, where := range followed {
		if !strings.Contains(pattern.String(), "fix: "+regexp.QuoteMeta(text)) {
			continue
		}
		file, name, _ := strings.Cut(where, ": ")
		source, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(source), "func "+name+"(t *testing.T)")
	}
	return false
}

// advices returns every text that the source gives to a Fix, by its file and line.
func advices(t *testing.T) map[string]*regexp.Regexp {
	t.Helper()
	found := map[string]*regexp.Regexp{}
	err := filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && (name == "testdata" || name == ".git"):
			return fs.SkipDir
		case filepath.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go"):
			return fixesIn(path, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 40 {
		t.Errorf("the source has %d advices, want more", len(found))
	}
	return found
}

// fixesIn adds the advices of a file, and of the functions of its package that it calls for them.
func fixesIn(path string, found map[string]*regexp.Regexp) error {
	source, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(source), "internal/mistake\"") {
		return err
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, source, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	add := func(e ast.Expr, form string) {
		call, ok := e.(*ast.CallExpr)
		if ok && isAdviser(call.Fun) {
			return
		}
		found[fset.Position(e.Pos()).String()] = regexp.MustCompile(fmt.Sprintf(form, textOf(e)))
	}
	const whole, part = "(?m)^\tfix: %s$", "%s"
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Fix" {
				add(n.Value, whole)
			}
		case *ast.AssignStmt:
			if sel, ok := n.Lhs[0].(*ast.SelectorExpr); ok && sel.Sel.Name == "Fix" {
				form := whole
				if n.Tok == token.ADD_ASSIGN {
					form = part
				}
				add(n.Rhs[0], form)
			}
		case *ast.FuncDecl:
			if !isAdviser(n.Name) {
				return true
			}
			ast.Inspect(n, func(n ast.Node) bool {
				if ret, ok := n.(*ast.ReturnStmt); ok {
					add(ret.Results[0], part)
				}
				return true
			})
		}
		return true
	})
	return nil
}

// isAdviser reports whether a name is that of a function whose results become a Fix, or part of one.
func isAdviser(name ast.Expr) bool {
	if sel, ok := name.(*ast.SelectorExpr); ok {
		name = sel.Sel
	}
	id, ok := name.(*ast.Ident)
	return ok && slices.Contains([]string{"advice", "alternative", "ConstructorFor", "neverService", "takes", "userAdvice"}, id.Name)
}

var verb = regexp.MustCompile(`%(\\\[1\\\])?[a-z]`)

// textOf returns a pattern of what a string expression may be.
func textOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err != nil {
			panic(err)
		}
		return regexp.QuoteMeta(text)
	case *ast.BinaryExpr:
		return textOf(e.X) + textOf(e.Y)
	case *ast.CallExpr:
		if fun, ok := e.Fun.(*ast.SelectorExpr); ok && fun.Sel.Name == "Sprintf" {
			if _, literal := e.Args[0].(*ast.BasicLit); literal {
				return verb.ReplaceAllString(textOf(e.Args[0]), ".*")
			}
		}
	}
	return ".*"
}
