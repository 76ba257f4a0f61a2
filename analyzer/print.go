package analyzer

import (
	"go/token"
	"go/types"

	"github.com/wsgate/wsgate/internal/mistake"
)

// typeName prints a type as the library prints it, which only has reflection: packages by their names, the parameters
// of functions without names, and no aliases.
func typeName(t types.Type) string {
	return mistake.Type(types.TypeString(plain(t), (*types.Package).Name))
}

// plain returns the type without aliases in it, and without names of parameters. What stands inside a struct or an
// interface is left as it is.
func plain(t types.Type) types.Type {
	switch t := types.Unalias(t).(type) {
	case *types.Pointer:
		return types.NewPointer(plain(t.Elem()))
	case *types.Slice:
		return types.NewSlice(plain(t.Elem()))
	case *types.Array:
		return types.NewArray(plain(t.Elem()), t.Len())
	case *types.Map:
		return types.NewMap(plain(t.Key()), plain(t.Elem()))
	case *types.Chan:
		return types.NewChan(t.Dir(), plain(t.Elem()))
	case *types.Signature:
		return types.NewSignatureType(nil, nil, nil, plainTuple(t.Params()), plainTuple(t.Results()), t.Variadic())
	case *types.Named:
		return plainNamed(t)
	default:
		return t
	}
}

func plainNamed(t *types.Named) types.Type {
	var args []types.Type
	for arg := range t.TypeArgs().Types() {
		args = append(args, plain(arg))
	}
	if args == nil {
		return t
	}
	instance, err := types.Instantiate(nil, t.Origin(), args, false)
	if err != nil {
		return t
	}
	return instance
}

func plainTuple(tuple *types.Tuple) *types.Tuple {
	var vars []*types.Var
	for v := range tuple.Variables() {
		vars = append(vars, types.NewParam(token.NoPos, v.Pkg(), "", plain(v.Type())))
	}
	return types.NewTuple(vars...)
}
