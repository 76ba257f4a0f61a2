package analyzer_test

import (
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/analysistest"
	"golang.org/x/tools/go/analysis/passes/inspect"

	"github.com/wsgate/wsgate/analyzer"

	// Package analysistest loads packages without the network, and panics when one cannot be loaded. Because this test
	// imports them, the go command has downloaded what they import, and compiled them.
	_ "github.com/wsgate/wsgate/analyzer/testdata/agree"
	_ "github.com/wsgate/wsgate/analyzer/testdata/clean"
	_ "github.com/wsgate/wsgate/analyzer/testdata/data"
	_ "github.com/wsgate/wsgate/analyzer/testdata/emit"
	_ "github.com/wsgate/wsgate/analyzer/testdata/emit/model"
	_ "github.com/wsgate/wsgate/analyzer/testdata/events"
	_ "github.com/wsgate/wsgate/analyzer/testdata/lookalike/chat"
	_ "github.com/wsgate/wsgate/analyzer/testdata/mentioned"
	_ "github.com/wsgate/wsgate/analyzer/testdata/names"
	_ "github.com/wsgate/wsgate/analyzer/testdata/signatures"
	_ "github.com/wsgate/wsgate/analyzer/testdata/values"
)

// packages are those below testdata. They belong to this module, so that they use the library itself and not a copy of
// its names. Comments in them say what has to be reported, and nothing else may be; golden files beside them say what
// the fixes make of them.
var packages = []string{"agree", "clean", "data", "emit", "emit/model", "events", "lookalike/chat", "mentioned", "names", "signatures", "values"}

// all runs every analyzer on every package, so that what has mistakes of one kind is a test of the others' silence.
var all = &analysis.Analyzer{
	Name:      "all",
	Doc:       "run all analyzers of this package",
	Requires:  []*analysis.Analyzer{inspect.Analyzer},
	FactTypes: analyzer.Emit.FactTypes,
	Run: func(pass *analysis.Pass) (any, error) {
		for _, a := range analyzer.All() {
			if _, err := a.Run(pass); err != nil {
				return nil, err
			}
		}
		return nil, nil
	},
}

var (
	once    sync.Once // guards following: type-checking everything from its source takes a while
	results []*analysistest.Result
)

// ownBuild returns the directory in which package analysistest finds the versions that this test was built with: the
// workspace's, or the module's if there is no workspace.
func ownBuild(t *testing.T) string {
	t.Helper()
	work, err := exec.CommandContext(t.Context(), "go", "env", "GOWORK").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := "."
	if file := strings.TrimSpace(string(work)); filepath.IsAbs(file) {
		dir = filepath.Dir(file)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// resultsOf returns the results for a package of testdata, with its tests and without. The first one who asks hears of
// everything that is wrong in any of them.
func resultsOf(t *testing.T, name string) (found []*analysistest.Result) {
	t.Helper()
	once.Do(func() {
		var patterns []string
		for _, name := range packages {
			patterns = append(patterns, "github.com/wsgate/wsgate/analyzer/testdata/"+name)
		}
		results = analysistest.RunWithSuggestedFixes(t, ownBuild(t), all, patterns...)
	})
	for _, result := range results {
		if path.Base(result.Pass.Pkg.Path()) == name {
			found = append(found, result)
		}
	}
	if len(found) == 0 {
		t.Fatalf("no result for %s", name)
	}
	return found
}

func TestDiagnosticsAndFixes(t *testing.T) {
	for _, name := range packages {
		resultsOf(t, path.Base(name))
	}
}

// A fix that would break a test is not offered where the test is known, as it is to go vet.
func TestFixesBreakNoTest(t *testing.T) {
	fixes := map[int]int{} // by the number of files
	for _, result := range resultsOf(t, "mentioned") {
		for _, d := range result.Diagnostics {
			fixes[len(result.Pass.Files)] += len(d.SuggestedFixes)
		}
	}
	if fixes[1] != 1 || fixes[2] != 0 {
		t.Errorf("got %d fixes without the test and %d with it, want 1 and 0", fixes[1], fixes[2])
	}
}

func TestAll(t *testing.T) {
	if err := analysis.Validate(analyzer.All()); err != nil {
		t.Fatal(err)
	}
	for _, a := range analyzer.All() {
		if a.Run == nil || !strings.HasPrefix(a.Name, "wsgate") || !strings.HasPrefix(a.URL, "https://pkg.go.dev/github.com/wsgate/wsgate/analyzer#") {
			t.Errorf("analyzer %q with URL %q", a.Name, a.URL)
		}
	}
}
