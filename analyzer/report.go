package analyzer

import (
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/wsgate/wsgate/internal/mistake"
)

// place is where a diagnostic points to.
type place struct{ pos, end token.Pos }

// Pos and End make a place an analysis.Range.
func (p place) Pos() token.Pos { return p.pos }

// End returns the position after the last character.
func (p place) End() token.Pos { return p.end }

// nameOf is the place of an object's name where it is declared.
func nameOf(obj types.Object) place {
	return place{obj.Pos(), obj.Pos() + token.Pos(len(obj.Name()))}
}

// report reports a mistake in the words and the form that the library has for it at start-up.
func report(pass *analysis.Pass, at analysis.Range, m mistake.Mistake, fixes ...analysis.SuggestedFix) {
	pass.Report(analysis.Diagnostic{Pos: at.Pos(), End: at.End(), Message: m.Error(), SuggestedFixes: fixes})
}

// inTest reports whether a position is in a test file.
func inTest(pass *analysis.Pass, pos token.Pos) bool {
	return strings.HasSuffix(pass.Fset.Position(pos).Filename, "_test.go")
}
