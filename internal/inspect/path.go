package inspect

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// path is the path to a value in a JSON text.
type path []step

// step selects a member of an object or an element of an array.
type step struct {
	key   []byte // as in the text, with its quotes; nil for an element
	name  string // the decoded key
	index int
}

// String returns the path in the form of RFC 9535 (JSONPath), without the "$" and the "." in front: deep.list[1]['a b'].
func (p path) String() string {
	var b strings.Builder
	for _, s := range p {
		switch {
		case s.key == nil:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case !isShorthand(s.name):
			b.WriteString("['" + quoteName.Replace(shorten(s.name)) + "']")
		case b.Len() == 0:
			b.WriteString(shorten(s.name))
		default:
			b.WriteString("." + shorten(s.name))
		}
	}
	return b.String()
}

// isShorthand reports whether a name needs no quotes in a path.
func isShorthand(name string) bool {
	for i, r := range name {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_' || r >= utf8.RuneSelf || i > 0 && '0' <= r && r <= '9') {
			return false
		}
	}
	return name != ""
}

var quoteName = func() *strings.Replacer {
	pairs := []string{`\`, `\\`, `'`, `\'`, "\b", `\b`, "\t", `\t`, "\n", `\n`, "\f", `\f`, "\r", `\r`}
	for c := range rune(' ') {
		pairs = append(pairs, string(c), fmt.Sprintf(`\u%04x`, c)) // the first pair counts
	}
	return strings.NewReplacer(pairs...)
}()

// shorten truncates a name that comes from a client, so that an error does not echo long input.
func shorten(name string) string {
	const most = 64
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return name
}

// wrap returns the smallest text with value at that path. Preceding array elements are omitted.
func (p path) wrap(value []byte) []byte {
	var before, after []byte
	for i := range p {
		if key := p[i].key; key != nil {
			before = append(append(append(before, '{'), key...), ':')
			after = append(after, '}')
		} else {
			before, after = append(before, '['), append(after, ']')
		}
	}
	text := append(before, value...)
	for i := range after {
		text = append(text, after[len(after)-1-i])
	}
	return text
}
