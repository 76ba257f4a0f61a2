package envelope

import (
	"encoding/json"
	"errors"
	"sync"
)

// MaxDepth is the maximum nesting of arrays and objects.
const MaxDepth = 64

var (
	//lint:ignore ST1005 clients see this text, and others
	errSyntax    = errors.New("Invalid JSON")
	errDepth     = errors.New("JSON is nested deeper than 64 levels")
	errDuplicate = errors.New("JSON has an object with a duplicate key")
)

// scanner checks one JSON text (RFC 8259) without decoding it. Unlike encoding/json it refuses duplicate keys, on
// which parsers differ, and deep nesting.
type scanner struct {
	text []byte
	pos  int
	keys [][]byte // the keys of the objects that enclose pos
}

var scannerPool = sync.Pool{New: func() any { return new(scanner) }}

// scan checks text, which must be one object, and calls member for each of its members with the decoded key and the
// value's text.
func scan(text []byte, member func(key, value []byte)) error {
	s := scannerPool.Get().(*scanner)
	defer func() {
		clear(s.keys[:cap(s.keys)])
		s.text, s.pos, s.keys = nil, 0, s.keys[:0]
		scannerPool.Put(s)
	}()
	s.text = text
	s.space()
	if s.peek() != '{' {
		if err := s.value(1); err != nil {
			return err
		}
		if s.space(); s.pos != len(s.text) {
			return errSyntax
		}
		return errNotObject
	}
	if err := s.object(1, member); err != nil {
		return err
	}
	s.space()
	if s.pos != len(s.text) {
		return errSyntax
	}
	return nil
}

var errNotObject = errors.New("message is not a JSON object")

// peek returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) space() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// value checks the value at pos, which is depth levels deep if it is an array or object.
func (s *scanner) value(depth int) error {
	switch c := s.peek(); {
	case c == '{':
		return s.object(depth, nil)
	case c == '[':
		return s.array(depth)
	case c == '"':
		_, err := s.str()
		return err
	case c == '-' || isDigit(c):
		return s.number()
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if end := s.pos + len(word); end <= len(s.text) && string(s.text[s.pos:end]) == word {
			s.pos = end
			return nil
		}
	}
	return errSyntax
}

func (s *scanner) object(depth int, member func(key, value []byte)) error {
	if depth > MaxDepth {
		return errDepth
	}
	outer := len(s.keys)
	defer func() { s.keys = s.keys[:outer] }()
	var many map[string]struct{} // the keys, once there are many
	s.pos++
	s.space()
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		if s.peek() != '"' {
			return errSyntax
		}
		key, err := s.str()
		if err != nil {
			return err
		}
		if s.known(key, outer, &many) {
			return errDuplicate
		}
		s.space()
		if s.peek() != ':' {
			return errSyntax
		}
		s.pos++
		s.space()
		start := s.pos
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if member != nil {
			member(key, s.text[start:s.pos])
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case '}':
			s.pos++
			return nil
		default:
			return errSyntax
		}
	}
}

// fewKeys is the number of keys up to which a linear search is used.
const fewKeys = 16

// known reports whether key has occurred in the object whose keys start at outer, and records it.
func (s *scanner) known(key []byte, outer int, many *map[string]struct{}) bool {
	own := s.keys[outer:]
	if len(own) < fewKeys {
		for _, k := range own {
			if string(k) == string(key) {
				return true
			}
		}
		s.keys = append(s.keys, key)
		return false
	}
	if *many == nil {
		*many = make(map[string]struct{}, 2*fewKeys)
		for _, k := range own {
			(*many)[string(k)] = struct{}{}
		}
	}
	if _, ok := (*many)[string(key)]; ok {
		return true
	}
	(*many)[string(key)] = struct{}{}
	return false
}

func (s *scanner) array(depth int) error {
	if depth > MaxDepth {
		return errDepth
	}
	s.pos++
	s.space()
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		if err := s.value(depth + 1); err != nil {
			return err
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case ']':
			s.pos++
			return nil
		default:
			return errSyntax
		}
	}
}

// str checks the string at pos and returns its decoded value.
func (s *scanner) str() ([]byte, error) {
	start := s.pos
	escaped := false
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == '"':
			s.pos++
			if escaped {
				return unquote(s.text[start:s.pos])
			}
			return s.text[start+1 : s.pos-1], nil
		case c < ' ':
			return nil, errSyntax
		case c == '\\':
			escaped = true
			if !s.escape() {
				return nil, errSyntax
			}
		}
	}
	return nil, errSyntax
}

// escape checks the escape sequence at pos and moves to its last byte.
func (s *scanner) escape() bool {
	s.pos++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			s.pos++
			if c := s.peek(); !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return false
			}
		}
		return true
	}
	return false
}

func unquote(quoted []byte) ([]byte, error) {
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		return nil, errSyntax
	}
	return []byte(text), nil
}

func (s *scanner) number() error {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return errSyntax
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return errSyntax
		}
	}
	if s.peek()|0x20 == 'e' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return errSyntax
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for isDigit(s.peek()) {
		s.pos++
	}
	return s.pos > start
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
