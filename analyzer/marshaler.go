package analyzer

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/types/typeutil"
)

// neverFails is the fact that a MarshalJSON or MarshalText never returns an error.
type neverFails struct{}

// AFact makes neverFails a fact.
func (*neverFails) AFact() {}

func (*neverFails) String() string { return "never fails" }

// marshalers determines which marshaling methods can fail.
type marshalers struct {
	pass *analysis.Pass
	own  map[*types.Func]*ast.FuncDecl // what the package declares: those methods, and what they may call
	fail map[*types.Func]bool          // those of them that can fail
}

func newMarshalers(pass *analysis.Pass) *marshalers {
	m := &marshalers{pass: pass, own: map[*types.Func]*ast.FuncDecl{}, fail: map[*types.Func]bool{}}
	for _, file := range pass.Files {
		for _, decl := range file.Decls {
			fd, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if fn, ok := pass.TypesInfo.Defs[fd.Name].(*types.Func); ok && returnsBytes(fn.Signature()) {
				m.own[fn] = fd
			}
		}
	}
	// One that fails has those fail that return what it returns, however they call each other.
	for more := true; more; {
		more = false
		for fn, fd := range m.own {
			if !m.fail[fn] && (fd.Body == nil || m.returnsError(fd.Body)) {
				m.fail[fn], more = true, true
			}
		}
	}
	return m
}

// export tells the packages that import this one.
func (m *marshalers) export() {
	for fn := range m.own {
		if isMarshaler(fn) && !m.fails(fn) {
			m.pass.ExportObjectFact(fn, new(neverFails))
		}
	}
}

// fails reports whether a function that returns ([]byte, error) can return an error.
func (m *marshalers) fails(fn *types.Func) bool {
	fn = fn.Origin()
	switch fn.FullName() {
	case "(time.Time).MarshalJSON", "(time.Time).MarshalText":
		return false // before the year 10000
	}
	if m.own[fn] == nil {
		return !m.pass.ImportObjectFact(fn, new(neverFails))
	}
	return m.fail[fn]
}

// returnsError reports whether a function's body may return another error than nil.
func (m *marshalers) returnsError(body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			switch len(n.Results) {
			case 2:
				found = found || !m.pass.TypesInfo.Types[n.Results[1]].IsNil()
			case 1:
				found = found || m.callFails(n.Results[0])
			default:
				found = true
			}
		}
		return !found
	})
	return found
}

// callFails reports whether a call that returns ([]byte, error) may return an error.
func (m *marshalers) callFails(expr ast.Expr) bool {
	call, ok := ast.Unparen(expr).(*ast.CallExpr)
	if !ok {
		return true
	}
	fn, ok := typeutil.Callee(m.pass.TypesInfo, call).(*types.Func)
	if !ok {
		return true
	}
	if fn.FullName() == "encoding/json.Marshal" && len(call.Args) == 1 {
		return m.flawOf(m.pass.TypesInfo.TypeOf(call.Args[0])) != nil
	}
	return m.fails(fn)
}

// marshaler returns the method by which values of type t marshal themselves, nil if there is none, and whether only
// those that can be addressed do.
func marshaler(t types.Type, name string) (fn *types.Func, onPointer bool) {
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name)
	fn, ok := obj.(*types.Func)
	if !ok || !isMarshaler(fn) {
		return nil, false
	}
	return fn, types.NewMethodSet(t).Lookup(nil, name) == nil
}

// marshalsTo reports whether values of type t marshal themselves by the method of encoding/json/v2.
func marshalsTo(t types.Type) bool {
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, "MarshalJSONTo")
	fn, ok := obj.(*types.Func)
	if !ok || fn.Signature().Params().Len() != 1 {
		return false
	}
	to, ok := fn.Signature().Params().At(0).Type().(*types.Pointer)
	if !ok {
		return false
	}
	encoder, ok := types.Unalias(to.Elem()).(*types.Named)
	return ok && encoder.Obj().Name() == "Encoder"
}

// isMarshaler reports whether a function is one of the methods by which a type marshals itself.
func isMarshaler(fn *types.Func) bool {
	sig := fn.Signature()
	return sig.Recv() != nil && sig.Params().Len() == 0 && returnsBytes(sig) && (fn.Name() == "MarshalJSON" || fn.Name() == "MarshalText")
}

// returnsBytes reports whether a function returns ([]byte, error).
func returnsBytes(sig *types.Signature) bool {
	return sig.Results().Len() == 2 && isError(sig.Results().At(1).Type()) &&
		types.Identical(sig.Results().At(0).Type(), types.NewSlice(types.Typ[types.Byte]))
}
