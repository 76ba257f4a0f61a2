package analyzer

import (
	"go/types"
	"reflect"
	"slices"

	"golang.org/x/tools/go/types/typeutil"
)

// flaw is a part of a payload that encoding/json can refuse.
type flaw struct {
	path string // to it from the payload, as Items[].Value; "" for the payload itself
	typ  types.Type
	why  string
}

func (f *flaw) describe(payload types.Type) string {
	if f.path == "" {
		return "a payload of type " + typeName(f.typ) + ", " + f.why
	}
	return "a payload of type " + typeName(payload) + ", whose " + f.path + " is " + typeName(f.typ) + ", " + f.why
}

// flawOf returns the first reason for which encoding/json can refuse a value of type t, nil if there is none.
func (m *marshalers) flawOf(t types.Type) *flaw {
	return (&walk{marshalers: m}).value(t, "")
}

// walk goes through a type once.
type walk struct {
	marshalers *marshalers // nil if only that counts which has no JSON at all, whatever its value
	seen       typeutil.Map
}

// withoutJSON returns a part of t that has no JSON, nil if there is none.
func withoutJSON(t types.Type) *flaw { return new(walk).value(t, "") }

// ofItself are the methods by which a type makes or reads its own JSON. The library does not look into such types.
var ofItself = []string{"MarshalJSON", "MarshalText", "MarshalJSONTo", "UnmarshalJSON", "UnmarshalText", "UnmarshalJSONFrom"}

func hasOwnJSON(t types.Type) bool {
	methods := types.NewMethodSet(types.NewPointer(t))
	return slices.ContainsFunc(ofItself, func(name string) bool { return methods.Lookup(nil, name) != nil })
}

func (w *walk) value(t types.Type, path string) *flaw {
	t = types.Unalias(t)
	if w.seen.At(t) != nil { // what contains itself fails only as its other parts do
		return nil
	}
	w.seen.Set(t, true)
	if isTypeParam(t) { // nobody knows
		return nil
	}
	if w.marshalers == nil {
		if types.IsInterface(t) || hasOwnJSON(t) {
			return nil
		}
		return w.parts(t, path)
	}
	if types.IsInterface(t) {
		return &flaw{path, t, "which may hold what JSON cannot"}
	}
	if named, ok := t.(*types.Named); ok && named.Obj().Pkg() != nil {
		switch named.Obj().Pkg().Path() + "." + named.Obj().Name() {
		case "encoding/json.RawMessage", "encoding/json/jsontext.Value", "encoding/json.Number":
			return &flaw{path, t, "which may not be valid JSON"}
		}
	}
	if marshalsTo(t) {
		return &flaw{path, t, "whose MarshalJSONTo may return an error"}
	}
	for _, name := range []string{"MarshalJSON", "MarshalText"} {
		fn, onPointer := marshaler(t, name)
		if fn == nil {
			continue
		}
		if w.marshalers.fails(fn) {
			return &flaw{path, t, "whose " + name + " may return an error"}
		}
		if !onPointer {
			return nil
		}
		break // a value that cannot be addressed is encoded as if it had no such method
	}
	return w.parts(t, path)
}

// parts looks at what a value is made of.
func (w *walk) parts(t types.Type, path string) *flaw {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		if u.Info()&types.IsComplex != 0 || u.Kind() == types.UnsafePointer {
			return &flaw{path, t, "which JSON does not have"}
		}
	case *types.Chan, *types.Signature:
		return &flaw{path, t, "which JSON does not have"}
	case *types.Pointer:
		return w.value(u.Elem(), path)
	case *types.Slice:
		return w.value(u.Elem(), path+"[]")
	case *types.Array:
		return w.value(u.Elem(), path+"[]")
	case *types.Map:
		if w.marshalers != nil {
			if f := w.key(t, u.Key(), path); f != nil {
				return f
			}
		}
		return w.value(u.Elem(), path+"[]")
	case *types.Struct:
		return w.fields(u, path)
	}
	return nil
}

// key looks at the keys of a map, which are text: strings, integers, or what makes a text of itself.
func (w *walk) key(t, key types.Type, path string) *flaw {
	basic, _ := key.Underlying().(*types.Basic)
	if isTypeParam(key) || basic != nil && basic.Info()&types.IsString != 0 {
		return nil
	}
	if fn, onPointer := marshaler(key, "MarshalText"); fn != nil && !onPointer {
		if w.marshalers.fails(fn) {
			return &flaw{path, t, "the MarshalText of whose keys may return an error"}
		}
		return nil
	}
	if basic != nil && basic.Info()&types.IsInteger != 0 {
		return nil
	}
	return &flaw{path, t, "whose keys are no text"}
}

// fields looks at the fields that encoding/json knows.
func (w *walk) fields(s *types.Struct, path string) *flaw {
	for i := range s.NumFields() {
		f := s.Field(i)
		embedded := f.Embedded() && isStruct(f.Type())
		if reflect.StructTag(s.Tag(i)).Get("json") == "-" || !f.Exported() && !embedded {
			continue
		}
		at := f.Name()
		if path != "" {
			at = path + "." + at
		}
		if found := w.value(f.Type(), at); found != nil {
			return found
		}
	}
	return nil
}

func isStruct(t types.Type) bool {
	if ptr, ok := t.Underlying().(*types.Pointer); ok {
		t = ptr.Elem()
	}
	_, ok := t.Underlying().(*types.Struct)
	return ok
}

func isTypeParam(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.TypeParam)
	return ok
}
