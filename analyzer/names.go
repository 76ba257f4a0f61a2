package analyzer

import (
	"fmt"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"

	"github.com/wsgate/wsgate/internal/hookname"
	"github.com/wsgate/wsgate/internal/mistake"
)

// name reports a method that is meant as a hook and has another name.
func (h *hookCheck) name(g *gateway, m method) {
	meant := hookname.Near(m.fn.Name())
	singular := m.fn.Name() == hookname.Singular && returnsTable(m.sig) && !g.has(hookname.Table)
	if singular {
		meant = hookname.Table
	}
	if meant == "" || h.done[m.fn.Origin()] {
		return
	}
	// The library refuses what other libraries' hooks are called, and Event for Events, whoever calls it.
	refused := g.sure && m.fn.Exported() && (hookname.Instead[m.fn.Name()] != "" || singular)
	if !refused {
		switch {
		case m.fn.Pkg() != h.pass.Pkg: // not ours to rename
			return
		case !g.sure && !concernsGateways(m.sig):
			return
		case h.references.uses(m.fn):
			return
		}
	}
	h.done[m.fn.Origin()] = true
	wrong := mistake.Mistake{
		What: fmt.Sprintf("%s.%s is not a hook and would never be called", g.pointer(), m.fn.Name()),
		Fix:  fmt.Sprintf("did you mean %s? else choose a name that is less like it", meant),
	}
	if refused {
		wrong.Fix = fmt.Sprintf("did you mean %s? else choose another name", meant)
	}
	if !m.fn.Exported() {
		wrong.What = fmt.Sprintf("%s.%s is not exported, so it is not a hook and would never be called", g.pointer(), m.fn.Name())
	}
	report(h.pass, m.owner, wrong, h.rename(g, m, meant)...)
}

// returnsTable reports whether a method without parameters returns an Events[D], or what one is made of.
func returnsTable(sig *types.Signature) bool {
	if sig.Params().Len() != 0 || sig.Results().Len() != 1 {
		return false
	}
	list, ok := sig.Results().At(0).Type().Underlying().(*types.Slice)
	return ok && ownType(list.Elem()) == "Binding"
}

// rename returns the fix that gives a method the hook's name, if that makes it the hook and breaks nothing here.
func (h *hookCheck) rename(g *gateway, m method, hook string) []analysis.SuggestedFix {
	if m.fn.Pkg() != h.pass.Pkg || !slices.Contains(hookname.All, hook) || h.references.mentions(m.fn) {
		return nil
	}
	if !h.library.isHook(hook, m.sig, g.data) || g.has(hook) {
		return nil
	}
	if types.IsInterface(m.fn.Signature().Recv().Type()) { // others may implement it
		return nil
	}
	if g.renamed[hook] { // two methods cannot both become the hook
		return nil
	}
	g.renamed[hook] = true
	at := nameOf(m.fn)
	return []analysis.SuggestedFix{{
		Message:   "Rename to " + hook,
		TextEdits: []analysis.TextEdit{{Pos: at.Pos(), End: at.End(), NewText: []byte(hook)}},
	}}
}

// has reports whether there is something of that name on the gateway already.
func (g *gateway) has(name string) bool {
	obj, _, _ := types.LookupFieldOrMethod(g.value, true, g.obj.Pkg(), name)
	return obj != nil
}
