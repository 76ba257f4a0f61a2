package text_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wsgate/wsgate/internal/text"
)

// Every text is valid exactly if utf8.Valid says so, wherever in it what is not ASCII stands.
func TestValid(t *testing.T) {
	for _, part := range []string{"", "a", "ä", "€", "😀", "\x80", "\xff", "\xc3", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x00", "\x7f"} {
		for before := range 20 {
			for after := range 20 {
				b := []byte(strings.Repeat("x", before) + part + strings.Repeat("y", after))
				if got, want := text.Valid(b), utf8.Valid(b); got != want {
					t.Errorf("%q: got %t, want %t", b, got, want)
				}
			}
		}
	}
}
