package analyzer

import (
	"go/ast"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"

	"github.com/wsgate/wsgate/internal/mistake"
)

// Data reports uses of Conn.Data in a goroutine that a function with a connection among its parameters starts. Hooks
// and handlers of a connection never overlap and use its Data without a lock; a goroutine overlaps with all of them.
//
// What counts as another goroutine is a function literal in a go statement, and one that is passed to
// sync.WaitGroup.Go, to Go or TryGo of an errgroup.Group, to time.AfterFunc or to context.AfterFunc. The arguments of a
// go statement are evaluated before.
var Data = &analysis.Analyzer{
	Name: "wsgatedata",
	Doc: `report uses of wsgate's Conn.Data in other goroutines

The hooks and handlers of a connection run one at a time and use Conn.Data
without a lock. A goroutine that one of them starts must not: it would race
with the next one. Copy what it needs into a variable before.`,
	URL:      "https://pkg.go.dev/github.com/wsgate/wsgate/analyzer#Data",
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run:      runData,
}

func runData(pass *analysis.Pass) (any, error) {
	l := libraryOf(pass.Pkg)
	if l == nil || l.data == nil {
		return nil, nil
	}
	in := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector)
	type use struct {
		in   *ast.FuncLit
		conn *types.Var
	}
	reported := map[use]bool{}
	for cur := range in.Root().Preorder((*ast.SelectorExpr)(nil)) {
		sel := cur.Node().(*ast.SelectorExpr)
		s := pass.TypesInfo.Selections[sel]
		if s == nil || s.Kind() != types.FieldVal || s.Obj().(*types.Var).Origin() != l.data {
			continue
		}
		conn := connection(pass, sel.X)
		if conn == nil {
			continue
		}
		goroutine, how := startedAround(pass, cur, conn)
		if goroutine == nil || reported[use{goroutine, conn}] {
			continue
		}
		reported[use{goroutine, conn}] = true
		report(pass, sel, mistake.Mistake{
			What: types.ExprString(sel) + " is used in another goroutine, and only the connection's own hooks and handlers may",
			Have: "a function that " + how + " runs",
			Fix:  "copy what it needs into a variable before the goroutine starts",
		})
	}
	return nil, nil
}

// connection returns the variable that holds the connection in an expression, such as c in c and in
// c.(*wsgate.Conn[D]); otherwise nil.
func connection(pass *analysis.Pass, expr ast.Expr) *types.Var {
	for {
		switch e := expr.(type) {
		case *ast.ParenExpr:
			expr = e.X
		case *ast.StarExpr:
			expr = e.X
		case *ast.TypeAssertExpr:
			expr = e.X
		case *ast.Ident:
			v, _ := pass.TypesInfo.Uses[e].(*types.Var)
			return v
		default:
			return nil
		}
	}
}

// startedAround returns the innermost function literal around cur that runs in another goroutine than the function with
// the parameter conn, and what starts it. It returns nil if there is none, or if conn is not a parameter.
func startedAround(pass *analysis.Pass, cur inspector.Cursor, conn *types.Var) (goroutine *ast.FuncLit, how string) {
	for fn := range cur.Enclosing((*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		switch n := fn.Node().(type) {
		case *ast.FuncLit:
			if goroutine == nil {
				if how = starter(pass, fn); how != "" {
					goroutine = n
				}
			}
			if has(n.Type.Params, conn) {
				return goroutine, how
			}
			if n.Pos() <= conn.Pos() && conn.Pos() < n.End() { // a local variable
				return nil, ""
			}
		case *ast.FuncDecl:
			if has(n.Type.Params, conn) {
				return goroutine, how
			}
		}
	}
	return nil, ""
}

func has(params *ast.FieldList, v *types.Var) bool {
	return params.Pos() <= v.Pos() && v.Pos() < params.End()
}

// starter returns what starts a function literal in a new goroutine, "" if nothing does.
func starter(pass *analysis.Pass, lit inspector.Cursor) string {
	for lit.ParentEdgeKind() == edge.ParenExpr_X {
		lit = lit.Parent()
	}
	switch lit.ParentEdgeKind() {
	case edge.CallExpr_Fun:
		if lit.Parent().ParentEdgeKind() == edge.GoStmt_Call {
			return "a go statement"
		}
	case edge.CallExpr_Args:
		call := lit.Parent().Node().(*ast.CallExpr)
		fn, ok := typeutil.Callee(pass.TypesInfo, call).(*types.Func)
		if ok && slices.Contains(starters, fn.FullName()) {
			return types.ExprString(call.Fun)
		}
	}
	return ""
}

// starters are functions that call their argument in a new goroutine.
var starters = []string{
	"(*sync.WaitGroup).Go",
	"(*golang.org/x/sync/errgroup.Group).Go",
	"(*golang.org/x/sync/errgroup.Group).TryGo",
	"time.AfterFunc",
	"context.AfterFunc",
}
