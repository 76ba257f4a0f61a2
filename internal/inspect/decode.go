package inspect

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
)

// Decoder decodes JSON texts into values of one type. What it has to know of the type is found out once.
type Decoder struct {
	exact bool // there are empty interfaces in the type, where numbers keep their digits
	plan  flat // for structs with mostly plain fields; nil if there is none
}

// DecoderFor returns the decoder for values of type t.
func DecoderFor(t reflect.Type) Decoder {
	if holdsAny(t, map[reflect.Type]bool{}) {
		return Decoder{exact: true}
	}
	return Decoder{plan: flatFor(t)}
}

// Decode decodes text, which is valid JSON, into the zero value that v points to. A number in an empty interface becomes
// a [json.Number]. The error is a [*Mismatch].
func (d Decoder) Decode(text []byte, v any) error {
	if d.plan != nil {
		if d.plan.decode(text, v) {
			return nil
		}
		reflect.ValueOf(v).Elem().SetZero()
	}
	err := d.unmarshal(text, v)
	if err == nil {
		return nil
	}
	if plain := withoutEscapes(text); plain != nil {
		// Equivalent JSON, but not for methods that read the raw text, as time.Time's does before Go 1.27.
		reflect.ValueOf(v).Elem().SetZero()
		if err = d.unmarshal(plain, v); err == nil {
			return nil
		}
		text = plain
	}
	return explain(text, v, err)
}

func (d Decoder) unmarshal(text []byte, v any) error {
	if !d.exact {
		return json.Unmarshal(text, v) // which takes less memory
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(v)
}

// holdsAny reports whether an empty interface may be decoded somewhere in a t. Types that decode themselves are not
// looked into: only they know how.
func holdsAny(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	if t.Kind() != reflect.Pointer && (decodesJSON(t) || decodesText(t)) {
		return false
	}
	switch t.Kind() {
	case reflect.Interface:
		return t.NumMethod() == 0
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return holdsAny(t.Elem(), seen)
	case reflect.Struct:
		return slices.ContainsFunc(fieldsOf(t), func(f field) bool { return holdsAny(f.typ, seen) })
	}
	return false
}

// SaysNothing reports whether the zero value that v points to means that there is nothing, as nil does: its JSON is null.
func SaysNothing(v any) bool {
	text, err := json.Marshal(v)
	return err == nil && string(text) == "null"
}

// WrongNull is the error of null for a t that cannot be nothing.
func WrongNull(t reflect.Type) *Mismatch {
	want := JSONKind(t)
	if want == "" || decodesJSON(t) && t != timeType && t != rawNumber { // which may want anything
		want = "value"
	}
	return &Mismatch{Problem: "is null, want " + article(want)}
}

// withoutEscapes returns the text with unnecessary escape sequences of printable ASCII decoded, nil if there are none.
func withoutEscapes(text []byte) (plain []byte) {
	copied := 0
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' { // a backslash occurs in strings only
			continue
		}
		if c, size := escaped(text[i+1:]); c != 0 {
			plain = append(append(plain, text[copied:i]...), c)
			copied = i + 1 + size
			i = copied - 1
		} else {
			i++ // skip the escaped character, which may be a backslash
		}
	}
	if plain != nil {
		plain = append(plain, text[copied:]...)
	}
	return plain
}

// escaped decodes an escape sequence without its backslash and returns its length, which is 0 if the character must be
// escaped or is not ASCII.
func escaped(sequence []byte) (c byte, size int) {
	if sequence[0] == '/' {
		return '/', 1
	}
	if sequence[0] != 'u' || string(sequence[1:3]) != "00" {
		return 0, 0
	}
	c = hex(sequence[3])<<4 | hex(sequence[4])
	if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
		return 0, 0
	}
	return c, 5
}

func hex(digit byte) byte {
	if digit <= '9' {
		return digit - '0'
	}
	return digit | 0x20 - 'a' + 10
}
