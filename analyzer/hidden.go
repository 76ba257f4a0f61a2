package analyzer

import (
	"fmt"
	"go/ast"
	"go/types"
	"reflect"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/types/typeutil"

	"github.com/wsgate/wsgate/internal/mistake"
)

// reportHidden reports an Emit of a payload with a struct whose JSON is always empty because all its fields are
// unexported.
func reportHidden(pass *analysis.Pass, call *ast.CallExpr) {
	payload := sent(pass, call)
	var seen typeutil.Map
	if t := hidden(payload, &seen); t != nil {
		report(pass, call, mistake.Mistake{
			What: fmt.Sprintf("the payload of %s has fields that JSON does not see, and arrives without them", types.ExprString(call.Fun)),
			Have: typeName(t) + ", all of whose fields are unexported",
			Fix:  "export them, with tags for their JSON names; or have the type marshal itself, by a MarshalJSON and an UnmarshalJSON",
		})
	}
}

// hidden returns a struct in t whose JSON is always empty because all its fields are unexported, nil if there is none.
// The library does the same check, see internal/inspect.
func hidden(t types.Type, seen *typeutil.Map) types.Type {
	t = types.Unalias(t)
	if seen.At(t) != nil || isTypeParam(t) {
		return nil
	}
	seen.Set(t, true)
	if _, pointer := t.(*types.Pointer); !pointer && encodesItself(t) {
		return nil
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		return hidden(u.Elem(), seen)
	case *types.Slice:
		return hidden(u.Elem(), seen)
	case *types.Array:
		return hidden(u.Elem(), seen)
	case *types.Map:
		return hidden(u.Elem(), seen)
	case *types.Struct:
		fields := exportedFields(u)
		if len(fields) == 0 && hasUnexported(u) {
			return t
		}
		for _, f := range fields {
			if found := hidden(f.Type(), seen); found != nil {
				return found
			}
		}
	}
	return nil
}

// encodesItself reports whether values of type t marshal or unmarshal themselves.
func encodesItself(t types.Type) bool {
	for _, name := range []string{"MarshalJSON", "MarshalText", "UnmarshalJSON", "UnmarshalText", "MarshalJSONTo", "UnmarshalJSONFrom"} {
		if obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name); isFunc(obj) {
			return true
		}
	}
	return false
}

func isFunc(obj types.Object) bool {
	_, ok := obj.(*types.Func)
	return ok
}

// exportedFields returns the fields of a struct that encoding/json uses, including those of embedded structs.
func exportedFields(s *types.Struct) (fields []*types.Var) {
	for i := range s.NumFields() {
		f := s.Field(i)
		switch embedded, ok := f.Type().Underlying().(*types.Struct); {
		case reflect.StructTag(s.Tag(i)).Get("json") == "-":
		case f.Embedded() && ok:
			fields = append(fields, exportedFields(embedded)...)
		case f.Exported() || f.Embedded() && isStruct(f.Type()):
			fields = append(fields, f)
		}
	}
	return fields
}

// hasUnexported reports whether a struct has an unexported field, and no field that is excluded from JSON by its tag.
func hasUnexported(s *types.Struct) (found bool) {
	for i := range s.NumFields() {
		f := s.Field(i)
		if reflect.StructTag(s.Tag(i)).Get("json") == "-" {
			return false
		}
		embedded, ok := f.Type().Underlying().(*types.Struct)
		found = found || !f.Embedded() && !f.Exported() && f.Name() != "_" || f.Embedded() && ok && hasUnexported(embedded)
	}
	return found
}
