package inspect

import (
	"reflect"
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
}

// fieldsOf returns the fields of the struct t, the shallowest first. If several have the same name, encoding/json uses
// one or none: see find.
func fieldsOf(t reflect.Type) (fields []field) {
	seen := map[reflect.Type]bool{}
	for depth, level := 0, []reflect.Type{t}; len(level) > 0; depth++ {
		var embedded []reflect.Type
		for _, t := range level {
			seen[t] = true
			for i := range t.NumField() {
				f := t.Field(i)
				tag := f.Tag.Get("json")
				name, options := parseTag(tag)
				switch {
				case tag == "-" || !f.IsExported() && !embedsStruct(f):
				case embedsStruct(f) && name == "":
					inner := f.Type
					if inner.Kind() == reflect.Pointer {
						inner = inner.Elem()
					}
					embedded = append(embedded, inner)
				default:
					own := field{name: name, goName: f.Name, typ: f.Type, tagged: name != "", depth: depth}
					if name == "" {
						own.name = f.Name
					}
					own.quoted = hasOption(options, "string") && isScalar(f.Type)
					fields = append(fields, own)
				}
			}
		}
		level = nil
		for _, t := range embedded {
			if !seen[t] { // a type that occurs twice on one level contributes its fields twice
				level = append(level, t)
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
