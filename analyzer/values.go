package analyzer

import (
	"fmt"
	"go/ast"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/wsgate/wsgate/internal/hookname"
	"github.com/wsgate/wsgate/internal/mistake"
)

// values reports constructors that return a gateway as a value although hooks are on the pointer: those that routes
// are given, and functions called New… that return a gateway of this package and that the program does not call itself.
func (h *hookCheck) values(found []constructor) {
	reported := map[ast.Node]bool{}
	for _, c := range found {
		lost := lostHooks(c.gateway)
		if len(lost) == 0 {
			continue
		}
		fn, name := h.function(c.expr)
		if fn == nil {
			h.reportValue(c.expr, "constructor "+types.ExprString(c.expr), c.gateway, lost)
		} else if !reported[fn.typ] {
			reported[fn.typ] = true
			h.reportValue(fn.typ.Results.List[0].Type, name, c.gateway, lost, fn.fix(h)...)
		}
	}
	for _, file := range h.pass.Files {
		for _, decl := range file.Decls {
			fd, ok := decl.(*ast.FuncDecl)
			if !ok || fd.Recv != nil || reported[fd.Type] || !strings.HasPrefix(strings.ToLower(fd.Name.Name), "new") {
				continue
			}
			obj, ok := h.pass.TypesInfo.Defs[fd.Name].(*types.Func)
			if !ok || h.references.calls(obj) {
				continue
			}
			gateway := constructs(obj.Signature())
			if gateway == nil || !h.surely(gateway) {
				continue
			}
			if lost := lostHooks(gateway); len(lost) > 0 {
				fn := &function{obj, fd.Type, fd.Body}
				h.reportValue(fd.Type.Results.List[0].Type, "constructor "+h.pass.Pkg.Name()+"."+fd.Name.Name, gateway, lost, fn.fix(h)...)
			}
		}
	}
}

func (h *hookCheck) reportValue(at analysis.Range, constructor string, gateway types.Type, lost []string, fixes ...analysis.SuggestedFix) {
	name := typeName(gateway)
	report(h.pass, at, mistake.Mistake{
		What: fmt.Sprintf("%s returns the value %s, whose hooks are on the pointer: %s has no %s", constructor, name, name, strings.Join(lost, ", ")),
		Have: name, Want: "*" + name, Fix: fmt.Sprintf("return a pointer: *%s", name),
	}, fixes...)
}

// surely reports whether t is a gateway of this package.
func (h *hookCheck) surely(t types.Type) bool {
	obj := declared(t)
	for _, g := range h.gateways {
		if g.obj == obj {
			return g.sure
		}
	}
	return false
}

// lostHooks returns the names of the hooks that *t has and t has not.
func lostHooks(t types.Type) (lost []string) {
	t = types.Unalias(t)
	if _, ok := t.(*types.Named); !ok || types.IsInterface(t) {
		return nil
	}
	pointer, value := types.NewMethodSet(types.NewPointer(t)), types.NewMethodSet(t)
	for _, name := range hookname.All {
		if pointer.Lookup(nil, name) != nil && value.Lookup(nil, name) == nil {
			lost = append(lost, name)
		}
	}
	return lost
}

// function is a function of this package.
type function struct {
	obj  *types.Func // nil for a literal
	typ  *ast.FuncType
	body *ast.BlockStmt
}

// function returns the function that an expression stands for, if it is a literal or declared in this package, and
// what messages call it.
func (h *hookCheck) function(expr ast.Expr) (fn *function, name string) {
	switch e := ast.Unparen(expr).(type) {
	case *ast.FuncLit:
		return &function{nil, e.Type, e.Body}, "constructor"
	case *ast.IndexExpr:
		return h.function(e.X)
	case *ast.IndexListExpr:
		return h.function(e.X)
	case *ast.SelectorExpr:
		return h.function(e.Sel)
	case *ast.Ident:
		obj, ok := h.pass.TypesInfo.Uses[e].(*types.Func)
		if !ok || obj.Pkg() != h.pass.Pkg {
			return nil, ""
		}
		for _, file := range h.pass.Files {
			for _, decl := range file.Decls {
				if fd, ok := decl.(*ast.FuncDecl); ok && h.pass.TypesInfo.Defs[fd.Name] == obj.Origin() {
					return &function{obj.Origin(), fd.Type, fd.Body}, "constructor " + obj.Pkg().Name() + "." + obj.Name()
				}
			}
		}
	}
	return nil, ""
}

// fix returns the fix that has the function return a pointer. There is none if the package calls the function, or if
// it returns anything but literals.
func (fn *function) fix(h *hookCheck) []analysis.SuggestedFix {
	first := fn.typ.Results.List[0]
	if fn.body == nil || len(first.Names) > 0 || fn.obj != nil && len(h.references.called[fn.obj]) > 0 {
		return nil
	}
	edits := []analysis.TextEdit{{Pos: first.Type.Pos(), End: first.Type.Pos(), NewText: []byte("*")}}
	literals := true
	ast.Inspect(fn.body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false // its returns are its own
		case *ast.ReturnStmt:
			lit, ok := n.Results[0].(*ast.CompositeLit)
			if !ok || len(n.Results) != fn.typ.Results.NumFields() {
				literals = false
				return false
			}
			edit := analysis.TextEdit{Pos: lit.Pos(), End: lit.Pos(), NewText: []byte("&")}
			if len(n.Results) == 2 && len(lit.Elts) == 0 && !h.pass.TypesInfo.Types[n.Results[1]].IsNil() {
				edit = analysis.TextEdit{Pos: lit.Pos(), End: lit.End(), NewText: []byte("nil")} // beside an error
			}
			edits = append(edits, edit)
		}
		return true
	})
	if !literals {
		return nil
	}
	return []analysis.SuggestedFix{{Message: "Return a pointer", TextEdits: edits}}
}
