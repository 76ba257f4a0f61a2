package analyzer

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/types/typeutil"
)

// newOfRoute returns the constructor in a wsgate.Route{...}, nil if there is none or it is another literal.
func newOfRoute(pass *analysis.Pass, lit *ast.CompositeLit) ast.Expr {
	t := pass.TypesInfo.TypeOf(lit)
	if ptr, ok := t.Underlying().(*types.Pointer); ok { // an element of []*Route{{...}}
		t = ptr.Elem()
	}
	if ownType(t) != "Route" {
		return nil
	}
	for _, elt := range lit.Elts { // which have keys: a Route also has fields that only the library can set
		if kv, ok := elt.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "New" {
				return kv.Value
			}
		}
	}
	return nil
}

// isField reports whether an expression selects that field of one of the library's types.
func isField(pass *analysis.Pass, expr ast.Expr, typ, field string) bool {
	sel, ok := ast.Unparen(expr).(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != field {
		return false
	}
	t := types.Unalias(pass.TypesInfo.TypeOf(sel.X))
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	return ownType(t) == typ
}

// isMethod reports whether a call is one of that method of one of the library's types.
func isMethod(pass *analysis.Pass, call *ast.CallExpr, typ, name string) bool {
	fn, ok := typeutil.Callee(pass.TypesInfo, call).(*types.Func)
	if !ok || fn.Name() != name || fn.Signature().Recv() == nil {
		return false
	}
	t := types.Unalias(fn.Signature().Recv().Type())
	if ptr, ok := t.(*types.Pointer); ok {
		t = ptr.Elem()
	}
	return ownType(t) == typ
}
