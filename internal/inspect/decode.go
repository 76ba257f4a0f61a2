package inspect

import (
	"encoding/json"
	"reflect"
)

// Decode decodes text, which is valid JSON, into the zero value that v points to. The error is a [*Mismatch].
func Decode(text []byte, v any) error {
	err := json.Unmarshal(text, v)
	if err == nil {
		return nil
	}
	if plain := withoutEscapes(text); plain != nil {
		// The same text to JSON, but not to a method that looks at it, as that of time.Time does before Go 1.27.
		reflect.ValueOf(v).Elem().SetZero()
		if err = json.Unmarshal(plain, v); err == nil {
			return nil
		}
		text = plain
	}
	return explain(text, v, err)
}

// withoutEscapes returns the text without escape sequences that stand for printable ASCII, except for what has to be
// escaped; nil if there are none.
func withoutEscapes(text []byte) (plain []byte) {
	copied := 0
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' { // which stands in strings only
			continue
		}
		if c, size := escaped(text[i+1:]); c != 0 {
			plain = append(append(plain, text[copied:i]...), c)
			copied = i + 1 + size
			i = copied - 1
		} else {
			i++ // what is escaped may be a backslash
		}
	}
	if plain != nil {
		plain = append(plain, text[copied:]...)
	}
	return plain
}

// escaped returns the character that an escape sequence stands for, without its backslash, and the length of the
// sequence. It is 0 if the character has to be escaped, or is not ASCII.
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
