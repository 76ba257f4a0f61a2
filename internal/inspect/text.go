package inspect

import (
	"encoding/json"
	"strings"
)

// kindAt returns the kind of the JSON value that begins with c.
func kindAt(c byte) string {
	switch c {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	case 'n':
		return "null"
	}
	return "number"
}

// object calls member for each member of the object at pos, with pos after its colon. member must move pos past the
// value.
func (w *walk) object(member func(key string) bool) bool {
	outer := len(w.path)
	for w.next('{', '}') {
		key := w.skip()
		w.space()
		w.pos++ // the colon
		s := step{key: key, name: string(key[1 : len(key)-1])}
		if strings.IndexByte(s.name, '\\') >= 0 {
			_ = json.Unmarshal(key, &s.name) // it is valid JSON
		}
		w.path = append(w.path[:outer], s)
		if !member(s.name) {
			return false
		}
	}
	w.path = w.path[:outer]
	return true
}

// array calls element for each element of the array at pos.
func (w *walk) array(element func(i int) bool) bool {
	outer := len(w.path)
	for i := 0; w.next('[', ']'); i++ {
		w.path = append(w.path[:outer], step{index: i})
		if !element(i) {
			return false
		}
	}
	w.path = w.path[:outer]
	return true
}

// next moves to the next member or element. At the end of the object or array, it moves past it and reports false.
func (w *walk) next(open, end byte) bool {
	w.space()
	c := w.text[w.pos]
	w.pos++ // the opening bracket, a comma or the closing bracket
	w.space()
	if c == open && w.text[w.pos] == end {
		c = end
		w.pos++
	}
	return c != end
}

func (w *walk) space() {
	for w.pos < len(w.text) && w.text[w.pos] <= ' ' {
		w.pos++
	}
}

// skip moves past the value at pos and returns its text.
func (w *walk) skip() []byte {
	w.space()
	start := w.pos
	for depth := 0; ; {
		switch c := w.text[w.pos]; c {
		case '{', '[':
			depth++
			w.pos++
		case '}', ']':
			depth--
			w.pos++
		case '"':
			w.pos++
			for w.text[w.pos] != '"' {
				if w.text[w.pos] == '\\' {
					w.pos++
				}
				w.pos++
			}
			w.pos++
		case ' ', '\t', '\r', '\n', ',', ':':
			w.pos++
		default: // a number or a literal
			for w.pos < len(w.text) && strings.IndexByte(" \t\r\n,:]}", w.text[w.pos]) < 0 {
				w.pos++
			}
		}
		if depth == 0 {
			return w.text[start:w.pos]
		}
	}
}
