package analyzer

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/wsgate/wsgate/internal/hookname"
)

// gateway is a type that may be a gateway. The package comment says when it certainly is one.
type gateway struct {
	obj     *types.TypeName
	value   types.Type // with its own type parameters as arguments, if it is generic
	sure    bool
	hooks   []method        // those with the names of hooks, in the order of hookname.All
	methods []method        // all
	data    types.Type      // D, nil if no hook names it
	from    string          // the hook that names it
	renamed map[string]bool // the hooks that a method was to be renamed to
}

// method is a method of a gateway's pointer, which has those of the value and of embedded structs as well.
type method struct {
	fn    *types.Func
	sig   *types.Signature // for the gateway's own type parameters
	owner place            // where to report
	own   bool             // declared on the gateway itself
}

// gatewaysIn returns the types that a package declares and that can have hooks, in the order of their declaration.
// known are those that are gateways regardless of their methods.
func gatewaysIn(pass *analysis.Pass, l *library, known map[*types.TypeName]bool) (all []*gateway) {
	scope := pass.Pkg.Scope()
	for _, name := range scope.Names() {
		obj, ok := scope.Lookup(name).(*types.TypeName)
		if !ok || obj.IsAlias() {
			continue
		}
		named, ok := obj.Type().(*types.Named)
		if !ok || types.IsInterface(named) {
			continue
		}
		g := &gateway{obj: obj, value: withOwnParams(named), sure: known[obj], renamed: map[string]bool{}}
		g.findMethods(pass)
		for _, m := range g.hooks {
			g.sure = g.sure || dataOf(m.sig) != nil && l.isHook(m.fn.Name(), m.sig, nil)
		}
		g.findData(l)
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *gateway) int { return cmp.Compare(a.obj.Pos(), b.obj.Pos()) })
	return all
}

// withOwnParams returns the type that the methods of a generic type have as their receiver, with one set of type
// parameters for all of them: in their declarations each method has parameters of its own.
func withOwnParams(named *types.Named) types.Type {
	var args []types.Type
	for p := range named.TypeParams().TypeParams() {
		args = append(args, p)
	}
	if args == nil {
		return named
	}
	t, err := types.Instantiate(nil, named, args, false)
	if err != nil {
		return named
	}
	return t
}

func (g *gateway) findMethods(pass *analysis.Pass) {
	byName := map[string]method{}
	for sel := range types.NewMethodSet(types.NewPointer(g.value)).Methods() {
		fn := sel.Obj().(*types.Func)
		m := method{fn: fn, sig: sel.Type().(*types.Signature), owner: nameOf(fn), own: len(sel.Index()) == 1}
		if fn.Pkg() != pass.Pkg { // report where it is embedded
			m.owner = nameOf(g.obj)
			if s, ok := g.obj.Type().Underlying().(*types.Struct); ok && s.Field(sel.Index()[0]).Pkg() == pass.Pkg {
				m.owner = nameOf(s.Field(sel.Index()[0]))
			}
		}
		g.methods = append(g.methods, m)
		byName[fn.Name()] = m
	}
	for _, name := range hookname.All {
		if m, ok := byName[name]; ok {
			g.hooks = append(g.hooks, m)
		}
	}
}

// findData finds the D that most hooks name; of two that as many name, the one that comes first. Hooks that are right
// have more weight than all that are wrong.
func (g *gateway) findData(l *library) {
	type vote struct {
		data   types.Type
		hook   string
		weight int
	}
	var votes []vote
	for _, m := range g.hooks {
		data := dataOf(m.sig)
		if data == nil {
			continue
		}
		weight := 1
		if l.isHook(m.fn.Name(), m.sig, data) {
			weight += len(hookname.All)
		}
		i := slices.IndexFunc(votes, func(v vote) bool { return types.Identical(v.data, data) })
		if i < 0 {
			i = len(votes)
			votes = append(votes, vote{data: data, hook: m.fn.Name()})
		}
		votes[i].weight += weight
	}
	best := 0
	for _, v := range votes {
		if v.weight > best {
			best, g.data, g.from = v.weight, v.data, v.hook
		}
	}
}

// pointer returns the gateway's name as in the library's messages.
func (g *gateway) pointer() string { return typeName(types.NewPointer(g.value)) }

// asserted returns the types that the package asserts to be gateways, as in var _ wsgate.Upgrader[D] = (*T)(nil).
func asserted(pass *analysis.Pass, in *inspector.Inspector, l *library) (found []*types.TypeName) {
	for spec := range inspector.All[*ast.ValueSpec](in) {
		if spec.Type == nil || len(spec.Names) != len(spec.Values) || !l.isHookInterface(pass.TypesInfo.TypeOf(spec.Type)) {
			continue
		}
		for i, value := range spec.Values {
			if spec.Names[i].Name == "_" {
				found = append(found, declared(pass.TypesInfo.TypeOf(value)))
			}
		}
	}
	return found
}

func (l *library) isHookInterface(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return false
	}
	for _, generic := range l.interfaces {
		if named.Origin() == generic {
			return true
		}
	}
	return false
}

// declared returns the name of a type or of what it points to, nil if it has none.
func declared(t types.Type) *types.TypeName {
	t = types.Unalias(t)
	if ptr, ok := t.(*types.Pointer); ok {
		t = types.Unalias(ptr.Elem())
	}
	if named, ok := t.(*types.Named); ok {
		return named.Origin().Obj()
	}
	return nil
}

// constructor is an expression that is registered as a gateway's constructor.
type constructor struct {
	expr    ast.Expr
	gateway types.Type // what it returns
}

// constructors returns the constructors of routes: the New of Route literals, what is assigned to a Route's New, and
// what is passed to Registry.Register. Whatever is no constructor is left to the library.
func constructors(pass *analysis.Pass, in *inspector.Inspector) (found []constructor) {
	add := func(expr ast.Expr) {
		sig, ok := types.Unalias(pass.TypesInfo.TypeOf(expr)).Underlying().(*types.Signature)
		if !ok {
			return
		}
		if t := constructs(sig); t != nil {
			found = append(found, constructor{expr, t})
		}
	}
	for n := range in.PreorderSeq((*ast.CompositeLit)(nil), (*ast.AssignStmt)(nil), (*ast.CallExpr)(nil)) {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if expr := newOfRoute(pass, n); expr != nil {
				add(expr)
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if n.Tok == token.ASSIGN && len(n.Lhs) == len(n.Rhs) && isField(pass, left, "Route", "New") {
					add(n.Rhs[i])
				}
			}
		case *ast.CallExpr:
			if isMethod(pass, n, "Registry", "Register") && len(n.Args) == 2 {
				add(n.Args[1])
			}
		}
	}
	return found
}

// constructs returns the result type of a constructor besides an error, nil if it is not a constructor.
func constructs(sig *types.Signature) types.Type {
	results := sig.Results()
	if n := results.Len(); n == 1 || n == 2 && isError(results.At(1).Type()) {
		if t := results.At(0).Type(); !isError(t) {
			return t
		}
	}
	return nil
}

func isError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }
