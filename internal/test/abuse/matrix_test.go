package abuse

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// tests are functions that are no tests for the go command: they run as subtests of their row.
type tests []func(*testing.T)

// names returns the functions' names.
func (ts tests) names() (names []string) {
	for _, f := range ts {
		full := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
		names = append(names, full[strings.LastIndexByte(full, '.')+1:])
	}
	return names
}

// name returns the name of the row's subtest, as "29_floods_of_pings_and_pongs".
func (r *row) name() string {
	return fmt.Sprintf("%02d_%s", r.n, strings.Trim(notWord.ReplaceAllString(r.what, "_"), "_"))
}

var notWord = regexp.MustCompile(`[^0-9A-Za-z]+`)

// first returns the number of the row in which a test runs.
func first(test string) int {
	for _, r := range rows {
		if slices.Contains(r.tests.names(), test) {
			return r.n
		}
	}
	return 0
}

// TestRow runs the tests of each row, as "TestRow/29_floods_of_pings_and_pongs/controlFlood".
func TestRow(t *testing.T) {
	if wantsParts() {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		runInParts(t, self)
		return
	}
	for _, r := range rows {
		if len(r.tests) == 0 || !r.isOurs() {
			continue
		}
		t.Run(r.name(), func(t *testing.T) {
			figures.begin(r.n)
			for i, name := range r.tests.names() {
				if at := first(name); at != r.n {
					t.Logf("%s runs in row %d", name, at)
					continue
				}
				t.Run(name, r.tests[i])
			}
		})
	}
}

// Every row has a test, or says why it has none; and every test is in a row.
func TestRows(t *testing.T) {
	const count = 86
	unlisted := testNames(t)
	number := regexp.MustCompile(`\d\d`)
	for i, r := range rows {
		if r.n != i+1 {
			t.Errorf("row %d stands at %d", r.n, i+1)
		}
		if r.what == "" || len(r.tests) == 0 && r.not == "" {
			t.Errorf("row %d is empty", r.n)
		}
		if len(number.FindAllString(r.name(), -1)) != 1 {
			t.Errorf("row %d: %s has the number of another row, so that -run finds both", r.n, r.name())
		}
		for _, name := range r.tests.names() {
			delete(unlisted, name)
		}
	}
	if len(rows) != count {
		t.Errorf("%d rows, want %d", len(rows), count)
	}
	for name := range unlisted {
		t.Errorf("%s is in no row", name)
	}
}

// testNames returns the tests of this package: the functions of a *testing.T alone. Those that the go command would run
// by itself are a mistake.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || !isTest(f) {
				continue
			}
			switch name := f.Name.Name; {
			case name == "TestRow" || name == "TestRows":
			case strings.HasPrefix(name, "Test"):
				t.Errorf("%s: %s runs outside the rows", file, name)
			default:
				names[name] = true
			}
		}
	}
	return names
}

// isTest reports whether f is declared as func name(t *testing.T).
func isTest(f *ast.FuncDecl) bool {
	in := f.Type.Params.List
	if f.Recv != nil || f.Type.Results != nil || len(in) != 1 || len(in[0].Names) != 1 {
		return false
	}
	pointer, ok := in[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	typ, ok := pointer.X.(*ast.SelectorExpr)
	return ok && typ.Sel.Name == "T"
}

// printRows prints one line for each row that ran and each that has no test.
func printRows() {
	if len(figures.rows) == 0 {
		return
	}
	fmt.Printf("\n%3s  %-68s %8s %10s\n", "row", "what", "trips", "p99")
	ran := 0
	for _, r := range rows {
		trips, did := figures.rows[r.n]
		if did {
			ran++
		}
		switch {
		case did && len(trips) > 0:
			fmt.Printf("%3d  %-68s %8d %10v", r.n, r.what, len(trips)+figures.fake[r.n], quantile(trips, 0.99))
		case did && figures.fake[r.n] > 0:
			fmt.Printf("%3d  %-68s %8d %10s", r.n, r.what, figures.fake[r.n], "fake time")
		case did:
			fmt.Printf("%3d  %-68s %8s %10s", r.n, r.what, "-", r.elsewhere())
		case len(r.tests) == 0:
			fmt.Printf("%3d  %-68s not yet: %s\n", r.n, r.what, r.not)
			continue
		default:
			continue
		}
		if r.not != "" {
			fmt.Printf("  but: %s", r.not)
		}
		fmt.Println()
	}
	fmt.Printf("%d of %d rows\n", ran, len(rows))
}

// elsewhere says in which row all of the row's tests run, if there is one.
func (r *row) elsewhere() string {
	at := first(r.tests.names()[0])
	if at == r.n {
		return ""
	}
	return fmt.Sprint("in row ", at)
}

// quantile returns the value below which that part of the times is. It sorts them.
func quantile(times []time.Duration, q float64) time.Duration {
	slices.Sort(times)
	return times[int(q*float64(len(times)-1))].Round(10 * time.Microsecond)
}
