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
	quoted bool // the value stands in a string, by the tag's option "string"
	depth  int  // how many embedded structs it is in
}

// fieldsOf returns the fields of the struct t, the shallowest first. Several may have one name, of which encoding/json
// uses one or none: see find.
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
			if !seen[t] { // what occurs twice on one level is there twice
				level = append(level, t)
			}
		}
	}
	return fields
}

// find returns the field that a client means by name, nil if there is none: an exact match if possible, else the first in
// another case. Where several have the name it is the one that is least embedded, or else the only one of these with a tag.
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

// dominant returns the field with that very name which hides all others, nil if there is none.
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

// parseTag returns the name in a tag, "" if there is none that every release of Go uses, and the options.
func parseTag(tag string) (name, options string) {
	name, options, _ = strings.Cut(tag, ",")
	if !validName(name) {
		name = ""
	}
	return name, options
}

// validName reports whether every release of Go takes what stands in a tag for a name.
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

// isScalar reports whether t is a type for which there is the option "string", or a pointer to one.
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

// FieldNames returns the names under which encoding/json knows the fields of the struct t, or of the struct it points to.
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
