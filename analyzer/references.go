package analyzer

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"
)

// references is where a package refers to its functions and methods.
type references struct {
	pass          *analysis.Pass
	named         map[*types.Func][]token.Pos // all of them
	called        map[*types.Func][]token.Pos // calls
	ofInterfaces  []*types.Func               // methods of interfaces that something refers to
	interfaceUses []token.Pos                 // in the same order
}

func referencesIn(pass *analysis.Pass, in *inspector.Inspector) *references {
	r := &references{pass: pass, named: map[*types.Func][]token.Pos{}, called: map[*types.Func][]token.Pos{}}
	for id, obj := range pass.TypesInfo.Uses {
		fn, ok := obj.(*types.Func)
		if !ok {
			continue
		}
		fn = fn.Origin()
		r.named[fn] = append(r.named[fn], id.Pos())
		if recv := fn.Signature().Recv(); recv != nil && types.IsInterface(recv.Type()) {
			r.ofInterfaces = append(r.ofInterfaces, fn)
			r.interfaceUses = append(r.interfaceUses, id.Pos())
		}
	}
	for call := range inspector.All[*ast.CallExpr](in) {
		if fn := typeutil.StaticCallee(pass.TypesInfo, call); fn != nil {
			r.called[fn.Origin()] = append(r.called[fn.Origin()], call.Pos())
		}
	}
	return r
}

// program reports whether one of the positions, where something refers to obj, is in the program: a test does not
// keep what only it uses from being forgotten by the program. What a test declares is used by tests.
func (r *references) program(obj types.Object, positions []token.Pos) bool {
	if inTest(r.pass, obj.Pos()) {
		return len(positions) > 0
	}
	return slices.ContainsFunc(positions, func(pos token.Pos) bool { return !inTest(r.pass, pos) })
}

// uses reports whether the package uses the method, directly or through an interface.
func (r *references) uses(m *types.Func) bool {
	m = m.Origin()
	if r.program(m, r.named[m]) {
		return true
	}
	for i, im := range r.ofInterfaces {
		if im.Id() == m.Id() && types.Identical(withoutReceiver(im.Signature()), withoutReceiver(m.Signature())) &&
			r.program(m, r.interfaceUses[i:i+1]) {
			return true
		}
	}
	return false
}

// mentions reports whether the package refers to the function anywhere, tests included.
func (r *references) mentions(fn *types.Func) bool { return len(r.named[fn.Origin()]) > 0 }

// calls reports whether the program calls the function.
func (r *references) calls(fn *types.Func) bool {
	return r.program(fn.Origin(), r.called[fn.Origin()])
}
