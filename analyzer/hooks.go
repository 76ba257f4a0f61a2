package analyzer

import (
	"fmt"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/wsgate/wsgate/internal/mistake"
)

// Hooks reports methods of gateways that are meant as hooks and are none: with a wrong signature, with a name that is
// nearly a hook's or that other libraries use, not exported, or on the pointer of a gateway that is built as a value.
var Hooks = &analysis.Analyzer{
	Name: "wsgatehooks",
	Doc: `report methods of wsgate gateways that are meant as hooks and are none

A gateway's hooks are found by reflection, by their exact names. This check
reports, on types that are gateways (see the documentation of the package):

  - a method called OnUpgrade, OnOpen, OnMessage, OnClose or Events with
    another signature than the library wants, which is an error of wsgate.New;
  - a method whose name is nearly a hook's, as OnMesage or onOpen, or that
    other libraries use for one, as OnConnect, and that nobody calls;
  - a constructor that returns a value although hooks are on the pointer.`,
	URL:      "https://pkg.go.dev/github.com/wsgate/wsgate/analyzer#Hooks",
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run:      runHooks,
}

func runHooks(pass *analysis.Pass) (any, error) {
	l := libraryOf(pass.Pkg)
	if l == nil {
		return nil, nil
	}
	in := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector)
	found := constructors(pass, in)
	known := map[*types.TypeName]bool{}
	for _, c := range found {
		known[declared(c.gateway)] = true
	}
	for _, obj := range asserted(pass, in, l) {
		known[obj] = true
	}
	h := &hookCheck{pass: pass, library: l, references: referencesIn(pass, in), gateways: gatewaysIn(pass, l, known), done: map[*types.Func]bool{}}
	h.methods()
	h.values(found)
	return nil, nil
}

// hookCheck is the check of one package.
type hookCheck struct {
	pass       *analysis.Pass
	library    *library
	references *references
	gateways   []*gateway
	done       map[*types.Func]bool // methods that were reported, for whichever of the gateways that have them
}

// methods checks the methods of all gateways. A method that several gateways share by embedding is checked as a method
// of its own type first.
func (h *hookCheck) methods() {
	for _, own := range []bool{true, false} {
		for _, g := range h.gateways {
			for _, m := range g.hooks {
				if m.own == own {
					h.signature(g, m)
				}
			}
			for _, m := range g.methods {
				if m.own == own {
					h.name(g, m)
				}
			}
		}
	}
}

// signature reports a hook whose signature is not what the library wants.
func (h *hookCheck) signature(g *gateway, m method) {
	hook := m.fn.Name()
	if h.library.interfaces[hook] == nil || h.library.isHook(hook, m.sig, g.data) || h.done[m.fn.Origin()] {
		return
	}
	if !g.sure && (!concernsGateways(m.sig) || h.references.uses(m.fn)) {
		return
	}
	h.done[m.fn.Origin()] = true
	wrong := mistake.Mistake{What: g.pointer() + "." + hook, Have: typeName(m.sig)}
	switch other := dataOf(m.sig); {
	case g.data == nil:
		unknown := types.NewNamed(types.NewTypeName(0, nil, "D", nil), types.NewStruct(nil, nil), nil)
		wrong.Want = typeName(h.library.signature(hook, unknown)) + " for a D of your choice"
	case other != nil && !types.Identical(other, g.data):
		wrong.Want = typeName(h.library.signature(hook, g.data))
		wrong.Fix = fmt.Sprintf("one connection has one type of data, and %s has %s: use it in every hook", g.from, typeName(g.data))
	default:
		wrong.Want = typeName(h.library.signature(hook, g.data))
	}
	report(h.pass, m.owner, wrong)
}
