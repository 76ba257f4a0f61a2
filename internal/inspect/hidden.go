package inspect

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/wsgate/wsgate/internal/mistake"
)

// hidden returns the mistake for a struct whose JSON is always empty because all its fields are unexported; nil if that
// does not apply.
func hidden(t reflect.Type) *mistake.Mistake {
	f, ok := unexported(t)
	if !ok || len(fieldsOf(t)) > 0 {
		return nil
	}
	return &mistake.Mistake{
		What: emptyJSON, Where: t.String(),
		Have: fmt.Sprintf("%s, all of whose fields are unexported", t),
		Fix: fmt.Sprintf("export them, as %s with the tag `json:%q`; or have the type marshal itself, by a MarshalJSON and an UnmarshalJSON",
			exported(f), f),
	}
}

// exported returns a name with its first letter in upper case.
func exported(name string) string {
	_, size := utf8.DecodeRuneInString(name)
	return strings.ToUpper(name[:size]) + name[size:]
}

// unexported returns the name of an unexported field of the struct t. It returns false if there is none, or if a field
// is excluded from JSON by its tag.
func unexported(t reflect.Type) (name string, found bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case f.Tag.Get("json") == "-":
			return "", false
		case f.Anonymous:
			if f.Type.Kind() == reflect.Struct && name == "" {
				name, _ = unexported(f.Type)
			}
		case f.Name != "_" && !f.IsExported() && name == "":
			name = f.Name
		}
	}
	return name, name != ""
}
