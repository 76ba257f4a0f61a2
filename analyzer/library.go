package analyzer

import (
	"go/types"
	"slices"
	"strings"

	"github.com/wsgate/wsgate/internal/hookname"
)

const libraryPath = "github.com/wsgate/wsgate"

// library is package wsgate as the package under analysis sees it.
type library struct {
	interfaces map[string]*types.Named // by hook: the generic interface that asks for it
	data       *types.Var              // the field Conn.Data
}

// libraryOf returns the library if pkg imports it itself, or is it; else nil.
func libraryOf(pkg *types.Package) *library {
	all := append(slices.Clone(pkg.Imports()), pkg)
	i := slices.IndexFunc(all, isLibrary)
	if i < 0 {
		return nil
	}
	scope := all[i].Scope()
	l := &library{interfaces: map[string]*types.Named{}}
	for _, name := range []string{"Upgrader", "Opener", "MessageHandler", "Refresher", "Closer", "EventHandler"} {
		named, it := interfaceOf(scope.Lookup(name))
		if it != nil && it.NumMethods() == 1 && slices.Contains(hookname.All, it.Method(0).Name()) {
			l.interfaces[it.Method(0).Name()] = named
		}
	}
	if conn := scope.Lookup("Conn"); conn != nil {
		if s, ok := conn.Type().Underlying().(*types.Struct); ok {
			for f := range s.Fields() {
				if f.Name() == "Data" {
					l.data = f
				}
			}
		}
	}
	return l
}

// isLibrary reports whether p is package wsgate. go vet marks the variant that is built for a test.
func isLibrary(p *types.Package) bool {
	if p == nil {
		return false
	}
	path, _, _ := strings.Cut(p.Path(), " [")
	return path == libraryPath
}

func interfaceOf(obj types.Object) (*types.Named, *types.Interface) {
	if obj == nil {
		return nil, nil
	}
	named, ok := obj.Type().(*types.Named)
	if !ok || named.TypeParams().Len() != 1 {
		return nil, nil
	}
	it, _ := named.Underlying().(*types.Interface)
	return named, it
}

// signature returns the signature that the hook has for this D. It is taken from the library's own interface. It is
// nil if the library does not have one.
func (l *library) signature(hook string, data types.Type) *types.Signature {
	generic := l.interfaces[hook]
	if generic == nil {
		return nil
	}
	t, err := types.Instantiate(nil, generic, []types.Type{data}, false)
	if err != nil {
		return nil
	}
	return t.Underlying().(*types.Interface).Method(0).Signature()
}

// ownType returns the name of one of the library's types, "" for all others.
func ownType(t types.Type) string {
	if named, ok := types.Unalias(t).(*types.Named); ok && isLibrary(named.Obj().Pkg()) {
		return named.Obj().Name()
	}
	return ""
}

// dataIn returns D if t is the library's generic type of that name, else nil.
func dataIn(t types.Type, name string) types.Type {
	if ownType(t) != name {
		return nil
	}
	if args := types.Unalias(t).(*types.Named).TypeArgs(); args.Len() == 1 {
		return args.At(0)
	}
	return nil
}

// dataOf returns the D that a signature names, by a parameter of type *Conn[D] or a result of type Events[D]; else nil.
func dataOf(sig *types.Signature) types.Type {
	for p := range sig.Params().Variables() {
		if ptr, ok := types.Unalias(p.Type()).(*types.Pointer); ok {
			if data := dataIn(ptr.Elem(), "Conn"); data != nil {
				return data
			}
		}
	}
	for r := range sig.Results().Variables() {
		if data := dataIn(r.Type(), "Events"); data != nil {
			return data
		}
	}
	return nil
}

// concernsGateways reports whether a signature has a type that only a gateway's methods have: one with a D.
func concernsGateways(sig *types.Signature) bool {
	for _, vars := range []*types.Tuple{sig.Params(), sig.Results()} {
		for v := range vars.Variables() {
			if withData(v.Type()) {
				return true
			}
		}
	}
	return false
}

func withData(t types.Type) bool {
	switch t := types.Unalias(t).(type) {
	case *types.Pointer:
		return withData(t.Elem())
	case *types.Slice:
		return withData(t.Elem())
	}
	switch ownType(t) {
	case "Conn", "Events", "Binding":
		return true
	}
	return false
}

// isUpgrade reports whether a signature is OnUpgrade's for whatever D.
func (l *library) isUpgrade(sig *types.Signature) bool {
	if sig.Results().Len() != 2 {
		return false
	}
	want := l.signature("OnUpgrade", sig.Results().At(0).Type())
	return want != nil && types.Identical(withoutReceiver(sig), want)
}

// isHook reports whether a method with this signature is that hook: for the D, or for one of its own if data is nil.
func (l *library) isHook(hook string, sig *types.Signature, data types.Type) bool {
	if data == nil {
		if hook == "OnUpgrade" {
			return l.isUpgrade(sig)
		}
		if data = dataOf(sig); data == nil {
			return false
		}
	}
	want := l.signature(hook, data)
	return want != nil && types.Identical(withoutReceiver(sig), want)
}

func withoutReceiver(sig *types.Signature) *types.Signature {
	return types.NewSignatureType(nil, nil, nil, sig.Params(), sig.Results(), sig.Variadic())
}
