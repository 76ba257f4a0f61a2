package inspect

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/wsgate/wsgate/internal/mistake"
)

// hidden returns the mistake of a struct of which JSON sees nothing although it holds something, since all its fields are
// unexported; nil if it is none.
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

// unexported returns the name of a field of the struct t that JSON does not see, and false if there is none, or if there
// is a field that is kept from JSON on purpose.
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
