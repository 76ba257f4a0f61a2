package inspect

import (
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// field is a field of a struct in JSON. Fields of embedded structs count as the struct's own.
type field struct {
	name   string // in JSON
	goName string
	typ    reflect.Type
	tagged bool // the name is from the tag
	quoted bool // the tag has the option "string"
	depth  int  // number of embedded structs around it

	tag     reflect.StructTag
	index   []int // as for reflect.Type.FieldByIndex
	pointer bool  // one of the embedded structs around it is a pointer
}

// level is a struct whose fields are read: the one that was asked for, or one that is embedded in it.
type level struct {
	typ     reflect.Type
	index   []int
	pointer bool
}

// fieldsOf returns the fields of the struct t, the shallowest first. If several have the same name, encoding/json uses
// one or none: see find.
func fieldsOf(t reflect.Type) (fields []field) {
	seen := map[reflect.Type]bool{}
	for depth, levels := 0, []level{{typ: t}}; len(levels) > 0; depth++ {
		var embedded []level
		for _, l := range levels {
			seen[l.typ] = true
			for i := range l.typ.NumField() {
				f := l.typ.Field(i)
				index := append(slices.Clip(l.index), i)
				tag := f.Tag.Get("json")
				name, options := parseTag(tag)
				switch {
				case tag == "-" || !f.IsExported() && !embedsStruct(f):
				case embedsStruct(f) && name == "":
					inner := level{f.Type, index, l.pointer}
					if inner.typ.Kind() == reflect.Pointer {
						inner.typ, inner.pointer = inner.typ.Elem(), true
					}
					embedded = append(embedded, inner)
				default:
					own := field{
						name: name, goName: f.Name, typ: f.Type, tagged: name != "", depth: depth,
						tag: f.Tag, index: index, pointer: l.pointer,
					}
					if name == "" {
						own.name = f.Name
					}
					own.quoted = hasOption(options, "string") && isScalar(f.Type)
					fields = append(fields, own)
				}
			}
		}
		levels = nil
		for _, l := range embedded {
			if !seen[l.typ] { // a type that occurs twice on one level contributes its fields twice
				levels = append(levels, l)
			}
		}
	}
	return fields
}

// find returns the field that encoding/json decodes name into, nil if there is none: an exact match if possible,
// otherwise the first that differs in case only. Among fields of the same name, the least embedded wins, then the only
// one with a tag.
func find(fields []field, name string) *field {
	if f := dominant(fields, name); f != nil {
		return f
	}
	for i := range fields {
		if strings.EqualFold(fields[i].name, name) {
			if f := dominant(fields, fields[i].name); f != nil {
				return f
			}
		}
	}
	return nil
}

// dominant returns the field of exactly that name that hides all others, nil if there is none.
func dominant(fields []field, name string) (found *field) {
	ambiguous := false
	for i := range fields {
		f := &fields[i]
		switch {
		case f.name != name:
		case found == nil || f.depth == found.depth && f.tagged && !found.tagged:
			found, ambiguous = f, false
		case f.depth == found.depth && f.tagged == found.tagged:
			ambiguous = true
		}
	}
	if ambiguous {
		return nil
	}
	return found
}

// parseTag returns the name in a tag, "" if it has none that every release of Go accepts, and the options.
func parseTag(tag string) (name, options string) {
	name, options, _ = strings.Cut(tag, ",")
	if !validName(name) {
		name = ""
	}
	return name, options
}

// validName reports whether every release of Go accepts the name in a tag.
func validName(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r)
	})
}

func hasOption(options, option string) bool {
	for o := range strings.SplitSeq(options, ",") {
		if o == option {
			return true
		}
	}
	return false
}

// isScalar reports whether t is a type to which the option "string" applies, or a pointer to one.
func isScalar(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	return t.Kind() == reflect.Bool || t.Kind() == reflect.String || isInteger(t) || isFloat(t)
}

func isInteger(t reflect.Type) bool { return reflect.Int <= t.Kind() && t.Kind() <= reflect.Uintptr }

func isFloat(t reflect.Type) bool {
	return t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64
}

// FieldNames returns the JSON names of the fields of the struct t, or of the struct that t points to.
func FieldNames(t reflect.Type) (names []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	fields := fieldsOf(t)
	for i := range fields {
		if dominant(fields, fields[i].name) == &fields[i] {
			names = append(names, fields[i].name)
		}
	}
	return names
}

// Field is a field of a struct as encoding/json writes it.
type Field struct {
	Name      string // in JSON
	Type      reflect.Type
	Tag       reflect.StructTag
	Quoted    bool // in a string: the tag has the option "string", and the type is one to which it applies
	OmitEmpty bool
	OmitZero  bool
	Embedded  bool // in an embedded pointer: it is left out if that is nil
}

// Fields returns the fields that encoding/json writes for the struct t, in its order.
func Fields(t reflect.Type) []Field {
	all := fieldsOf(t)
	var written []*field
	for i := range all {
		if dominant(all, all[i].name) == &all[i] {
			written = append(written, &all[i])
		}
	}
	slices.SortFunc(written, func(a, b *field) int { return slices.Compare(a.index, b.index) })
	fields := make([]Field, len(written))
	for i, f := range written {
		_, options := parseTag(f.tag.Get("json"))
		fields[i] = Field{
			Name: f.name, Type: f.typ, Tag: f.tag, Quoted: f.quoted, Embedded: f.pointer,
			OmitEmpty: hasOption(options, "omitempty"), OmitZero: hasOption(options, "omitzero"),
		}
	}
	return fields
}

// Methods says which of the methods by which a type makes or reads its own JSON a type has.
type Methods int

const (
	None        Methods = iota
	Text                // values are JSON strings
	Own                 // values are any JSON
	OnlyPointer         // only of the pointer: encoding/json calls them for values that it can take the address of
)

// Encodes returns how values of type t, which is no pointer, encode themselves.
func Encodes(t reflect.Type) Methods {
	m, ok := reflect.PointerTo(t).MethodByName("MarshalJSONTo")
	switch {
	case t.Implements(jsonMarshaler) || ok && takes(m, "Encoder"):
		return Own
	case implements(t, jsonMarshaler):
		return OnlyPointer
	case t.Implements(textMarshaler):
		return Text
	case implements(t, textMarshaler):
		return OnlyPointer
	}
	return None
}

// Decodes returns how values of type t decode themselves.
func Decodes(t reflect.Type) Methods {
	switch {
	case decodesJSON(t):
		return Own
	case decodesText(t):
		return Text
	}
	return None
}
