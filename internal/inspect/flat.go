package inspect

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// flat decodes an object straight into the fields of a struct. encoding/json would check the whole text once more, and
// finds each field by reflection; that was a third of an event. flat is exact or refuses: what is not
// simple, such as a name in other letters, a wrong kind or a number out of range, is left to encoding/json, and so are
// errors.
type flat []flatField

// flatField is a field that may be in the object.
type flatField struct {
	name   []byte
	index  int
	scalar bool // a string, a bool or a number without methods of its own; other values are left to encoding/json
}

// flatFor returns the plan for structs of type t, nil if encoding/json has to decode them.
func flatFor(t reflect.Type) flat {
	if t.Kind() != reflect.Struct || decodesJSON(t) || decodesText(t) {
		return nil
	}
	var plan flat
	scalars := 0
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case f.Anonymous: // its fields may hide each other
			return nil
		case !f.IsExported() && !tagged, tag == "-":
			continue
		case !f.IsExported() || !knownOptions(options):
			return nil
		}
		if name == "" {
			name = f.Name
		}
		if !isPlainName(name) || plan.folds([]byte(name)) {
			return nil
		}
		plan = append(plan, flatField{[]byte(name), i, isPlainScalar(f.Type)})
		if isPlainScalar(f.Type) {
			scalars++
		}
	}
	if 2*scalars < len(plan) {
		return nil // calling encoding/json for each field would take longer than calling it once
	}
	return plan
}

// knownOptions reports whether none of the options of a tag has a meaning for decoding.
func knownOptions(options string) bool {
	for o := range strings.SplitSeq(options, ",") {
		if o != "" && o != "omitempty" && o != "omitzero" {
			return false
		}
	}
	return true
}

// isPlainName reports whether all that decode JSON agree on a name in a tag. Other letters than those of ASCII are
// equal to some of theirs when case is ignored.
func isPlainName(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_')
	})
}

// isPlainScalar reports whether t is a string, a bool or a number that encoding/json decodes by its kind alone.
func isPlainScalar(t reflect.Type) bool {
	return t.Kind() != reflect.Pointer && isScalar(t) && t != rawNumber && !decodesJSON(t) && !decodesText(t)
}

// find returns the field of exactly that name.
func (plan flat) find(name []byte) *flatField {
	for i := range plan {
		if bytes.Equal(plan[i].name, name) {
			return &plan[i]
		}
	}
	return nil
}

// folds reports whether name is that of a field, if case is ignored.
func (plan flat) folds(name []byte) bool {
	for i := range plan {
		if bytes.EqualFold(plan[i].name, name) {
			return true
		}
	}
	return false
}

// decode decodes text, which is valid JSON, into the struct that v points to. It reports false if encoding/json has to
// do it; then some fields may be set already.
func (plan flat) decode(text []byte, v any) bool {
	w := walk{text: text}
	if w.space(); w.text[w.pos] != '{' {
		return false
	}
	into := reflect.ValueOf(v).Elem()
	for w.next('{', '}') {
		key := w.skip()
		key = key[1 : len(key)-1]
		w.space()
		w.pos++ // the colon
		value := w.skip()
		switch f := plan.find(key); {
		case f == nil:
			if bytes.IndexByte(key, '\\') >= 0 || plan.folds(key) {
				return false
			}
		case !f.scalar:
			if json.Unmarshal(value, into.Field(f.index).Addr().Interface()) != nil {
				return false
			}
		case !setScalar(value, into.Field(f.index)):
			return false
		}
	}
	return true
}

// setScalar decodes a value without methods of its own, as far as it is simple.
func setScalar(text []byte, into reflect.Value) bool {
	switch c := text[0]; {
	case c == 'n': // null leaves a scalar as it is
		return true
	case into.Kind() == reflect.String:
		if c != '"' {
			return false
		}
		inner := text[1 : len(text)-1]
		if bytes.IndexByte(inner, '\\') >= 0 || !utf8.Valid(inner) {
			return json.Unmarshal(text, into.Addr().Interface()) == nil
		}
		into.SetString(string(inner))
		return true
	case into.Kind() == reflect.Bool:
		into.SetBool(c == 't')
		return c == 't' || c == 'f'
	case c != '-' && (c < '0' || c > '9'):
		return false
	}
	bits := into.Type().Bits()
	var err error
	switch {
	case into.CanInt():
		var n int64
		n, err = strconv.ParseInt(string(text), 10, bits)
		into.SetInt(n)
	case into.CanUint():
		var n uint64
		n, err = strconv.ParseUint(string(text), 10, bits)
		into.SetUint(n)
	default:
		var n float64
		n, err = strconv.ParseFloat(string(text), bits)
		into.SetFloat(n)
	}
	return err == nil
}
