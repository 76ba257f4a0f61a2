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
		// Equivalent JSON, but not for methods that read the raw text, as time.Time's does before Go 1.27.
		reflect.ValueOf(v).Elem().SetZero()
		if err = json.Unmarshal(plain, v); err == nil {
			return nil
		}
		text = plain
	}
	return explain(text, v, err)
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
