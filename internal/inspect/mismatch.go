package inspect

import (
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Mismatch is the error for a JSON text that does not decode into a Go type. It describes the first wrong value in
// terms of JSON, in words that do not depend on the release of Go.
type Mismatch struct {
	Path    string // of the first wrong value, such as deep.list[1].street; "" for the whole text
	Problem string // such as "is a number, want a string"
	Err     error  // the error of a method of its type, nil if it had none

	have, want string // the JSON kinds, if the kind or a number's range is wrong
}

// Error returns the problem and where it is.
func (m *Mismatch) Error() string {
	text := m.Path + " " + m.Problem
	if m.Path == "" {
		text = "it " + m.Problem
	}
	if m.Err != nil {
		text += ": " + m.Err.Error()
	}
	return text
}

// Unwrap returns the error of a method of the value's type.
func (m *Mismatch) Unwrap() error { return m.Err }

// explain returns why text, which is valid JSON, does not decode into what v points to. err is the error of
// encoding/json.
//
// That error differs between releases: in the path, in which of several errors it reports, in whether it has a path. So
// explain finds the first wrong value by the rules of encoding/json, which do not differ. It calls the types' own
// decoding methods once more.
func explain(text []byte, v any, err error) *Mismatch {
	w := walk{text: text, fields: map[reflect.Type][]field{}}
	if w.value(reflect.TypeOf(v).Elem()); w.found != nil {
		return w.found
	}
	return &Mismatch{Problem: undecodable, Err: err}
}

const undecodable = "does not decode"

var (
	rawNumber = reflect.TypeFor[json.Number]()
	timeType  = reflect.TypeFor[time.Time]()
)

// walk traverses a JSON text together with the type that it is decoded into. Its methods report whether to continue.
type walk struct {
	text   []byte
	pos    int
	path   path
	start  int                      // start of the current value
	fields map[reflect.Type][]field // cache of fieldsOf
	inside int                      // number of enclosing values that decode themselves
	found  *Mismatch
}

// maxInside bounds the nesting of self-decoding types that are examined: each level doubles the cost.
const maxInside = 4

func (w *walk) fail(m Mismatch) bool {
	m.Path = w.path.String()
	w.found = &m
	return false
}

// wrongKind reports a value of the wrong kind.
func (w *walk) wrongKind(have, want string) bool {
	return w.fail(Mismatch{Problem: "is " + article(have) + ", want " + article(want), have: have, want: want})
}

// value traverses the value at pos, which is decoded into a t.
func (w *walk) value(t reflect.Type) bool {
	w.space()
	w.start = w.pos
	have := kindAt(w.text[w.pos])
	pointer := t.Kind() == reflect.Pointer
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case have == "null" && (pointer || !decodesJSON(t)):
		w.skip()
		return true
	case t == rawNumber:
		return w.rawNumber(have)
	case t == timeType && have == "string":
		if try(w.skip(), t) != nil {
			return w.fail(Mismatch{Problem: "is not an RFC 3339 time"})
		}
		return true
	case decodesJSON(t) && (t != timeType || have == "null"): // time.Time has methods for JSON and for text, which accept the same
		return w.own(t, have)
	case decodesText(t):
		if have != "string" {
			return w.wrongKind(have, "string")
		}
		return w.own(t, have)
	}
	return w.plain(t, have)
}

// plain is value for a type without methods of its own.
func (w *walk) plain(t reflect.Type, have string) bool {
	switch {
	case t.Kind() == reflect.Interface && t.NumMethod() == 0:
		return w.anything(t, have)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && have == "string":
		if json.Unmarshal(w.skip(), new([]byte)) != nil {
			return w.fail(Mismatch{Problem: "is not base64"})
		}
		return true
	case (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && have == "array":
		return w.array(func(i int) bool {
			if t.Kind() == reflect.Array && i >= t.Len() {
				w.skip() // encoding/json ignores it
				return true
			}
			return w.value(t.Elem())
		})
	}
	want := plainKind(t)
	switch {
	case want == "":
		return w.fail(Mismatch{Problem: undecodable})
	case have != want:
		return w.wrongKind(have, want)
	case t.Kind() == reflect.Struct:
		return w.object(func(key string) bool { return w.member(t, key) })
	case t.Kind() == reflect.Map:
		return w.object(func(key string) bool { return w.key(t.Key(), key) && w.value(t.Elem()) })
	}
	text := string(w.skip())
	switch {
	case isInteger(t):
		return w.integer(t, text)
	case isFloat(t):
		return w.float(t.Bits(), text)
	}
	return true
}

// member traverses the value of a struct's member.
func (w *walk) member(t reflect.Type, key string) bool {
	fields, known := w.fields[t]
	if !known {
		fields = fieldsOf(t)
		w.fields[t] = fields
	}
	f := find(fields, key)
	switch {
	case f == nil:
		w.skip()
		return true
	case !f.quoted || decodesJSON(f.typ) || decodesText(f.typ):
		return w.value(f.typ)
	}
	object := w.path[len(w.path)-1:].wrap(w.skip())
	if try(object, t) != nil {
		return w.fail(Mismatch{Problem: "has to be a string with " + article(JSONKind(f.typ)) + " in it"})
	}
	return true
}

// key checks the key of a map's member. The path is that of the member.
func (w *walk) key(t reflect.Type, key string) bool {
	ok := false
	switch {
	case decodesText(t):
		ok = reflect.New(t).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(key)) == nil
	case t.Kind() == reflect.String:
		ok = true
	case isInteger(t):
		ok = parseInteger(t, key) == nil
	}
	if !ok {
		return w.fail(Mismatch{Problem: "is under a key that " + undecodable})
	}
	return true
}

func (w *walk) integer(t reflect.Type, text string) bool {
	switch {
	case strings.ContainsAny(text, ".eE"):
		return w.fail(Mismatch{Problem: "has to be a whole number", have: "number", want: "number"})
	case parseInteger(t, text) != nil:
		return w.outOfRange()
	}
	return true
}

func (w *walk) float(bits int, text string) bool {
	if _, err := strconv.ParseFloat(text, bits); err != nil {
		return w.outOfRange()
	}
	return true
}

func (w *walk) outOfRange() bool {
	return w.fail(Mismatch{Problem: "is out of range", have: "number", want: "number"})
}

func parseInteger(t reflect.Type, text string) (err error) {
	if t.Kind() >= reflect.Uint {
		_, err = strconv.ParseUint(text, 10, t.Bits())
	} else {
		_, err = strconv.ParseInt(text, 10, t.Bits())
	}
	return err
}

// rawNumber traverses the value of a json.Number, which may be in a string.
func (w *walk) rawNumber(have string) bool {
	if json.Unmarshal(w.skip(), new(json.Number)) != nil {
		return w.wrongKind(have, "number")
	}
	return true
}

// anything traverses a value that is decoded into an empty interface. Numbers have any size there, except for a method that
// decodes by json.Unmarshal, whose numbers are float64.
func (w *walk) anything(t reflect.Type, have string) bool {
	switch {
	case w.inside == 0:
	case have == "object":
		return w.object(func(string) bool { return w.value(t) })
	case have == "array":
		return w.array(func(int) bool { return w.value(t) })
	case have == "number":
		return w.float(64, string(w.skip()))
	}
	w.skip()
	return true
}

// own traverses the value of a type that decodes itself.
func (w *walk) own(t reflect.Type, have string) bool {
	text := w.skip()
	err := try(text, t)
	if err == nil {
		return true
	}
	var wrong *json.UnmarshalTypeError
	if have != "object" && have != "array" && errors.As(err, &wrong) && firstWord(wrong.Value) == have {
		if want := JSONKind(wrong.Type); want != have && want != "" {
			return w.wrongKind(have, want) // the kind that the method itself decodes into
		}
	}
	if w.found = w.part(t, text); w.found != nil {
		return false
	}
	return w.fail(Mismatch{Problem: undecodable, Err: err})
}

// part returns which part of a value that a type's own method refuses is wrong, nil if that is unknown. The method may
// use encoding/json for the type's parts, as json.Unmarshal(text, (*alias)(v)) does, or read something else entirely.
// So part calls it with a value that contains only the part in question.
func (w *walk) part(t reflect.Type, text []byte) *Mismatch {
	in := walk{text: text, path: slices.Clip(w.path), fields: w.fields, inside: w.inside + 1}
	if in.inside > maxInside || in.plain(t, kindAt(text[0])) {
		return nil
	}
	in.pos = in.start
	if part := in.path[len(w.path):].wrap(in.skip()); !in.found.confirmed(try(part, t)) {
		return nil
	}
	return in.found
}

// confirmed reports whether the method returns the same error for a text with only the wrong value.
func (m *Mismatch) confirmed(err error) bool {
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return false
	case m.Err != nil:
		return !errors.As(m.Err, &wrong) && err.Error() == m.Err.Error()
	}
	return m.want != "" && errors.As(err, &wrong) && firstWord(wrong.Value) == m.have && JSONKind(wrong.Type) == m.want
}

// try decodes text into a new t and returns the error.
func try(text []byte, t reflect.Type) error {
	return json.Unmarshal(text, reflect.New(t).Interface())
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}
