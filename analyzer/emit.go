package analyzer

import (
	"fmt"
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/wsgate/wsgate/internal/mistake"
)

// Emit reports calls of Event.Emit whose payload cannot arrive, as JSON sees nothing of a struct whose fields are all
// unexported, and those whose error is dropped although the payload can fail to encode. Assigning the error to _ says
// that this is meant.
//
// A payload can fail if encoding/json has a reason to refuse some value of its type: it contains a channel, a function
// or a complex number; an interface, which may hold one; a map whose keys are no text; a json.RawMessage or json.Number;
// or a type that marshals itself by a method that may return an error. A method whose every return has a nil error, or
// is a json.Marshal of something that cannot fail, does not count, in whichever package it is. A MarshalJSONTo always
// counts, as it returns what its encoder says.
//
// What would be noise does not count: floating point numbers, which fail if they are NaN or infinite; pointers, which
// may lead in a circle; and time.Time, which fails beyond the year 9999.
var Emit = &analysis.Analyzer{
	Name: "wsgateemit",
	Doc: `report payloads of wsgate's Event.Emit that cannot arrive, and dropped errors for those that can fail to encode

JSON sees only exported fields: of a struct that has no other an object
without fields arrives.

Emit returns an error for a payload that encoding/json refuses, and nobody
gets the event. If the payload's type can fail at all, because it contains for
instance an interface or a type whose MarshalJSON may return an error, the
error is to be handled, or dropped on purpose: _ = Said.Emit(room, line).`,
	URL:       "https://pkg.go.dev/github.com/wsgate/wsgate/analyzer#Emit",
	Requires:  []*analysis.Analyzer{inspect.Analyzer},
	FactTypes: []analysis.Fact{new(neverFails)},
	Run:       runEmit,
}

func runEmit(pass *analysis.Pass) (any, error) {
	m := newMarshalers(pass)
	m.export()
	if libraryOf(pass.Pkg) == nil {
		return nil, nil
	}
	in := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector)
	for call := range inspector.All[*ast.CallExpr](in) {
		if isMethod(pass, call, "Event", "Emit") && len(call.Args) >= 2 {
			reportHidden(pass, call)
		}
	}
	for n := range in.PreorderSeq((*ast.ExprStmt)(nil), (*ast.GoStmt)(nil), (*ast.DeferStmt)(nil)) {
		var call *ast.CallExpr
		drop := "_ = %s(...)" // on purpose
		switch n := n.(type) {
		case *ast.ExprStmt:
			call, _ = ast.Unparen(n.X).(*ast.CallExpr)
		case *ast.GoStmt:
			call, drop = n.Call, "go func() { _ = %s(...) }()"
		case *ast.DeferStmt:
			call, drop = n.Call, "defer func() { _ = %s(...) }()"
		}
		if call == nil || !isMethod(pass, call, "Event", "Emit") || len(call.Args) < 2 {
			continue
		}
		payload, flaw := m.payload(call)
		if flaw == nil {
			continue
		}
		fun := types.ExprString(call.Fun)
		report(pass, call, mistake.Mistake{
			What: "the error of " + fun + " is dropped, and its payload can fail to encode",
			Have: flaw.describe(payload),
			Fix:  "handle the error; if it does not matter, say so: " + fmt.Sprintf(drop, fun),
		})
	}
	return nil, nil
}

// payload returns the type of what an Emit sends, and why it can fail.
func (m *marshalers) payload(call *ast.CallExpr) (types.Type, *flaw) {
	t := sent(m.pass, call)
	return t, m.flawOf(t)
}

// sent returns the type of what an Emit sends. Of an event whose payload is an interface, what is passed counts.
func sent(pass *analysis.Pass, call *ast.CallExpr) types.Type {
	arg := call.Args[len(call.Args)-1]
	params := pass.TypesInfo.TypeOf(call.Fun).(*types.Signature).Params()
	t := params.At(params.Len() - 1).Type()
	if types.IsInterface(t) && !isTypeParam(t) {
		t = pass.TypesInfo.TypeOf(arg)
	}
	return t
}
