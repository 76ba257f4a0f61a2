// Package text defines which text is valid in names of rooms, events and envelope keys.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// NotLine describes what is wrong with a text that IsLine rejects.
const NotLine = "has control characters or line breaks, or is not valid UTF-8"

// IsLine reports whether s is valid UTF-8 without characters that would break a line or affect a terminal or a
// line-based protocol: control characters (C0, DEL and C1) and line and paragraph separators. All else is allowed.
// Persian, Hindi, emoji and flags need non-printing characters, and which characters are assigned depends on the
// Unicode version.
func IsLine(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, breaks) }

func breaks(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }
