// Package text says which text is allowed in names: of rooms, of events, of the keys around a payload.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// NotLine is what is wrong with a text that is no line.
const NotLine = "has control characters or line breaks, or is not valid UTF-8"

// IsLine reports whether s is valid UTF-8 without what would make more than one line of it, or do something to a
// terminal or a line-based protocol: control characters (C0, DEL and C1) and the separators of lines and paragraphs.
// All else is for people to choose. Persian, Hindi, emoji and flags need characters that print nothing by themselves, and
// what is assigned at all depends on the release of Unicode.
func IsLine(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, breaks) }

func breaks(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }
