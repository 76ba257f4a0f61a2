package inspect

import (
	"fmt"
	"reflect"

	"github.com/wsgate/wsgate/internal/mistake"
)

// TypeName returns a type as written in the source.
func TypeName(t reflect.Type) string { return mistake.Type(t.String()) }

// IsFunc reports whether fn is a function that can be called.
func IsFunc(fn any) bool {
	v := reflect.ValueOf(fn)
	return v.Kind() == reflect.Func && !v.IsNil()
}

// NotFunc describes a value that should be a function.
func NotFunc(fn any) string {
	if t := reflect.TypeOf(fn); t != nil && t.Kind() == reflect.Func {
		return "a nil " + TypeName(t)
	}
	if fn == nil {
		return "nil"
	}
	return mistake.Type(fmt.Sprintf("%T", fn))
}

// ConstructorFor returns advice for a value that is listed in place of a constructor.
func ConstructorFor(v reflect.Value) string {
	if !v.IsValid() || v.Kind() == reflect.Func { // which is nil
		return "put a constructor in its place, or remove it; a package variable may be nil while others are initialized"
	}
	return fmt.Sprintf("pass the constructor itself, not what it returns; of a value that has none, make one: func() %s { return value }", TypeName(v.Type()))
}
