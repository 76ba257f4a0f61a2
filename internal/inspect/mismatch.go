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

// Mismatch is the error of a JSON text that does not decode into a Go type. It says which value is wrong and what is
// wrong with it in terms of JSON, and in the same words whatever encoding/json says of it in this release of Go.
type Mismatch struct {
	Path    string // to the first value that is wrong, as deep.list[1].street; "" if it is the whole text
	Problem string // what is said of it, as "is a number, want a string"
	Err     error  // what a method of its type said, nil if it was not that

	have, want string // the kinds of JSON values, if it is the kind or a number's range
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

// Unwrap returns what a method of the value's type said.
func (m *Mismatch) Unwrap() error { return m.Err }

// explain returns why text, which is valid JSON, does not decode into what v points to. err is what encoding/json said.
//
// Its errors differ from release to release: in the path, in which of several errors it is, in whether there is a path
// at all. So the first value that does not fit is looked for here, by the rules of encoding/json, which do not differ.
// Methods by which types decode themselves are called once more.
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
	anyType   = reflect.TypeFor[any]()
)

// walk goes through a JSON text beside the type that it is decoded into. Its methods report whether to go on.
type walk struct {
	text   []byte
	pos    int
	path   path
	start  int                      // of the value that was begun last
	fields map[reflect.Type][]field // those of the structs on the way
	inside int                      // of how many values that decode themselves
	found  *Mismatch
}

// maxInside is how many types that decode themselves, one inside the other, are looked into: each costs as much as all
// that are inside it.
const maxInside = 4

func (w *walk) fail(m Mismatch) bool {
	m.Path = w.path.String()
	w.found = &m
	return false
}

// wrongKind fails because of a value of another kind.
func (w *walk) wrongKind(have, want string) bool {
	return w.fail(Mismatch{Problem: "is " + article(have) + ", want " + article(want), have: have, want: want})
}

// value goes through the value at pos, which is decoded into a t.
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
	case decodesJSON(t) && (t != timeType || have == "null"): // which has methods for both, that want the same
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
	case t == anyType:
		return w.anything(have)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && have == "string":
		if json.Unmarshal(w.skip(), new([]byte)) != nil {
			return w.fail(Mismatch{Problem: "is not base64"})
		}
		return true
	case (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && have == "array":
		return w.array(func(i int) bool {
			if t.Kind() == reflect.Array && i >= t.Len() {
				w.skip() // encoding/json does not look at it
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

// member goes through the value of a struct's member.
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

// rawNumber goes through what becomes a json.Number, which may stand in a string.
func (w *walk) rawNumber(have string) bool {
	if json.Unmarshal(w.skip(), new(json.Number)) != nil {
		return w.wrongKind(have, "number")
	}
	return true
}

// anything goes through what is decoded into an empty interface: a number has to be a float64.
func (w *walk) anything(have string) bool {
	switch have {
	case "object":
		return w.object(func(string) bool { return w.value(anyType) })
	case "array":
		return w.array(func(int) bool { return w.value(anyType) })
	case "number":
		return w.float(64, string(w.skip()))
	}
	w.skip()
	return true
}

// own goes through the value of a type that decodes itself.
func (w *walk) own(t reflect.Type, have string) bool {
	text := w.skip()
	err := try(text, t)
	if err == nil {
		return true
	}
	var wrong *json.UnmarshalTypeError
	if have != "object" && have != "array" && errors.As(err, &wrong) && firstWord(wrong.Value) == have {
		if want := JSONKind(wrong.Type); want != have && want != "" {
			return w.wrongKind(have, want) // what the method itself decodes it into
		}
	}
	if w.found = w.part(t, text); w.found != nil {
		return false
	}
	return w.fail(Mismatch{Problem: undecodable, Err: err})
}

// part returns what is wrong inside of a value that a type's own method refuses, nil if that is not known. The method
// may use encoding/json for the parts of the type, as json.Unmarshal(text, (*alias)(v)) does, or read something else
// entirely. So it is asked about a value that has nothing but the part in question.
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

// confirmed reports whether err says the same of a text that has nothing but the value that is wrong.
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
