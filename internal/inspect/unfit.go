package inspect

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/wsgate/wsgate/internal/mistake"
)

// Unfit returns a mistake if a part of t has no JSON form, has a form that depends on the release of Go, or is a struct
// without exported fields; nil otherwise. What says which of these it is, as the end of a sentence about the JSON of t.
// Types that marshal themselves are not examined.
func Unfit(t reflect.Type) *mistake.Mistake {
	return unfit(t, map[reflect.Type]bool{})
}

const (
	noJSON    = "cannot be made"
	otherJSON = "depends on the release of Go"
	emptyJSON = "leaves out what it holds"
)

func unfit(t reflect.Type, seen map[reflect.Type]bool) *mistake.Mistake {
	if seen[t] {
		return nil
	}
	seen[t] = true
	if t.Kind() != reflect.Pointer && (encodesItself(t) || decodesJSON(t) || decodesText(t)) {
		return nil
	}
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return &mistake.Mistake{
			What: noJSON,
			Have: fmt.Sprintf("%s, which has no JSON", t),
			Fix:  `use another type; a field that is not for clients can have the tag json:"-"`,
		}
	case reflect.Map:
		if key := t.Key(); key.Kind() != reflect.String && !isInteger(key) && !implements(key, textMarshaler) && !decodesText(key) {
			return &mistake.Mistake{
				What: otherJSON,
				Have: fmt.Sprintf("%s, for whose keys not every release of Go has JSON", t),
				Fix:  "use keys that are strings or integers, or that have MarshalText and UnmarshalText",
			}
		}
		return unfit(t.Elem(), seen)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return unfit(t.Elem(), seen)
	case reflect.Struct:
		if wrong := hidden(t); wrong != nil {
			return wrong
		}
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Tag.Get("json") == "-" || !f.IsExported() && !embedsStruct(f) {
				continue
			}
			wrong := unportableTag(f)
			if wrong == nil {
				wrong = unfit(f.Type, seen)
			}
			if wrong == nil {
				continue
			}
			if wrong.Where == "" { // the mistake is this field's, not that of a nested one
				wrong.Where = t.String()
				wrong.Have = fmt.Sprintf("%s.%s with %s", t, f.Name, wrong.Have)
			}
			return wrong
		}
		return unportableNames(t)
	}
	return nil
}

// embedsStruct reports whether a field embeds a struct, whose fields are visible even if the struct is unexported.
func embedsStruct(f reflect.StructField) bool {
	inner := f.Type
	if inner.Kind() == reflect.Pointer {
		inner = inner.Elem()
	}
	return f.Anonymous && inner.Kind() == reflect.Struct
}

// unportableNames returns the mistake for two names of t that differ in case only: releases of Go decode a third
// spelling into different ones of them.
func unportableNames(t reflect.Type) *mistake.Mistake {
	fields := fieldsOf(t)
	for i := range fields {
		a := &fields[i]
		for j := range fields[:i] {
			b := &fields[j]
			if a.depth != b.depth && a.name != b.name && strings.EqualFold(a.name, b.name) && dominant(fields, a.name) != nil && dominant(fields, b.name) != nil {
				return &mistake.Mistake{
					What: otherJSON, Where: t.String(),
					Have: fmt.Sprintf("%s with the JSON names %q and %q, which not every release of Go prefers in the same order", t, b.name, a.name),
					Fix:  "choose names that differ in more than case",
				}
			}
		}
	}
	return nil
}

func unportableTag(f reflect.StructField) *mistake.Mistake {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	if !validName(name) {
		return &mistake.Mistake{
			What: otherJSON,
			Have: fmt.Sprintf("the JSON name %q, which not every release of Go uses", name),
			Fix:  "choose one of letters, digits, spaces and !#$%&()*+-./:;<=>?@[]^_{|}~",
		}
	}
	for option := range strings.SplitSeq(options, ",") {
		if isNew(option) && !(option == "embed" && (f.Anonymous || name != "")) { // where the option has no effect
			return &mistake.Mistake{
				What: otherJSON,
				Have: fmt.Sprintf("the option %q in its tag, which not every release of Go knows", option),
				Fix:  "remove it; a type with a MarshalJSON and an UnmarshalJSON can have any form",
			}
		}
	}
	return nil
}

// isNew reports whether a tag's option is one of encoding/json/v2, which encoding/json also reads where it is built on
// v2.
func isNew(option string) bool {
	return option == "embed" || option == "case:strict" || strings.HasPrefix(option, "format:") || strings.Contains(option, "'")
}
