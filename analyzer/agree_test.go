package analyzer_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/analyzer/testdata/agree"
)

// TestAgreesWithTheLibrary holds the analyzer to what the library says of the same gateways: the same lines, and the
// same signatures there.
func TestAgreesWithTheLibrary(t *testing.T) {
	library := map[string]string{}
	for _, route := range agree.Wrong {
		var r wsgate.Registry
		err := r.Register(route.Path, route.New)
		if err == nil {
			t.Errorf("%s: the library takes it", route.Path)
			continue
		}
		where := regexp.MustCompile(`agree\.go:(\d+)`).FindString(err.Error())
		library[where] = haveAndWant(err.Error())
	}
	for _, route := range agree.Right {
		var r wsgate.Registry
		if err := r.Register(route.Path, route.New); err != nil {
			t.Errorf("%s: the library refuses it: %v", route.Path, err)
		}
	}

	found := map[string]string{}
	for _, result := range resultsOf(t, "agree") {
		for _, d := range result.Diagnostics {
			at := result.Pass.Fset.Position(d.Pos)
			found[fmt.Sprintf("%s:%d", filepath.Base(at.Filename), at.Line)] = haveAndWant(d.Message)
		}
	}
	if len(library) != len(agree.Wrong) {
		t.Errorf("the library names %d places for %d gateways", len(library), len(agree.Wrong))
	}
	for _, where := range slices.Sorted(maps.Keys(library)) {
		if found[where] != library[where] {
			t.Errorf("%s:\nthe analyzer says\n%s\nthe library says\n%s", where, found[where], library[where])
		}
		delete(found, where)
	}
	for where, text := range found {
		t.Errorf("%s: only the analyzer says\n%s", where, text)
	}
}

// haveAndWant returns those lines of a mistake.
func haveAndWant(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "\thave ") || strings.HasPrefix(line, "\twant ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "\n")
}
