package text

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrorEvent is the event name of errors, which no event may have.
const ErrorEvent = "error"

// MaxEventName is the maximum number of characters in an event's name.
const MaxEventName = 64

// WantEventName describes valid event names.
var WantEventName = fmt.Sprintf(`1 to %d characters without control characters and line breaks, not %q, not beginning with "$"`, MaxEventName, ErrorEvent)

// IsControl reports whether a name is that of a message of the protocol itself.
func IsControl(name string) bool { return strings.HasPrefix(name, "$") }

// WrongEventName returns what is wrong with an event's name, "" if it is valid.
func WrongEventName(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case utf8.RuneCountInString(name) > MaxEventName:
		return fmt.Sprintf("it has more than %d characters", MaxEventName)
	case name == ErrorEvent:
		return "it is the name of errors"
	case IsControl(name):
		return `names that begin with "$" are reserved`
	case !IsLine(name):
		return "it " + NotLine
	}
	return ""
}
