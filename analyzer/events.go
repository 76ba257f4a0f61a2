package analyzer

import (
	"cmp"
	"fmt"
	"go/constant"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"

	"github.com/wsgate/wsgate/internal/mistake"
	"github.com/wsgate/wsgate/internal/text"
)

// Events reports constants of the types Event and Call that no event can have: a name that is refused, or a payload,
// question or answer in which something has no JSON, as a channel or a function. Of events that a gateway handles
// wsgate.New says the same; of those that are only sent nobody knows before the first Emit, which returns an error.
var Events = &analysis.Analyzer{
	Name: "wsgateevents",
	Doc: `report constants of wsgate's Event and Call that no event can have

An event that is only sent is checked when it is emitted for the first time:
its name, and whether its payload has JSON at all. A channel or a function in
it has none.`,
	URL: "https://pkg.go.dev/github.com/wsgate/wsgate/analyzer#Events",
	Run: runEvents,
}

func runEvents(pass *analysis.Pass) (any, error) {
	if libraryOf(pass.Pkg) == nil || isLibrary(pass.Pkg) {
		return nil, nil
	}
	var declared []*types.Const
	for _, obj := range pass.TypesInfo.Defs {
		if c, ok := obj.(*types.Const); ok && !inTest(pass, c.Pos()) { // a test may want one that is wrong
			if kind := ownType(c.Type()); kind == "Event" || kind == "Call" {
				declared = append(declared, c)
			}
		}
	}
	slices.SortFunc(declared, func(a, b *types.Const) int { return cmp.Compare(a.Pos(), b.Pos()) })
	for _, c := range declared {
		name := constant.StringVal(c.Val())
		if wrong := text.WrongEventName(name); wrong != "" {
			report(pass, nameOf(c), mistake.Mistake{What: fmt.Sprintf("event %q: %s", name, wrong), Want: text.WantEventName})
		}
		for payload := range types.Unalias(c.Type()).(*types.Named).TypeArgs().Types() {
			if f := withoutJSON(payload); f != nil {
				report(pass, nameOf(c), mistake.Mistake{
					What: fmt.Sprintf("event %q: the JSON of payload %s cannot be made", name, typeName(payload)),
					Have: f.describe(payload),
					Fix:  `use another type; a field that is not for clients can have the tag json:"-"`,
				})
			}
		}
	}
	return nil, nil
}
