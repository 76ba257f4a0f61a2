package conformance

import (
	"fmt"

	"github.com/wsgate/wsgate/internal/test/wire"
)

// Texts after the classes of Markus Kuhn's "UTF-8 decoder capability and stress test".
var (
	valid = []string{
		"", "Hello-µ@ßöäüàá-UTF-8!!", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", // "kosme"
		"\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\uffff", "\U00010000", "\U0010ffff", // the ends of each length
		"\ud7ff", "\ue000", "\ufffd", "\ufeffBOM", "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467",
		"\ufffe", "\U0001ffff", "\U0010fffe", // no characters, and valid
	}
	invalid = []string{
		"\x80", "\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", // continuations of nothing
		"\xc0 ", "\xdf ", "\xe0 ", "\xef ", "\xf0 ", "\xf7 ", "\xf8 ", "\xfb ", "\xfc ", "\xfd ", // beginnings of nothing
		"\xc3", "\xe0\xa0", "\xef\xbf", "\xf0\x90\x80", "\xf4\x8f\xbf", "\xce\xba\xe1\xbd", // cut short
		"\xfe", "\xff", "\xfe\xfe\xff\xff", // bytes that never are
		"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf", // overlong "/"
		"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", // the longest overlong ones
		"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", // overlong NUL
		"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf", // surrogates
		"\xed\xa0\x80\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf", // pairs of them
		"\xf4\x90\x80\x80", "\xf7\xbf\xbf\xbf", "\xf8\x88\x80\x80\x80", "\xfb\xbf\xbf\xbf\xbf", "\xfc\x84\x80\x80\x80\x80", // above U+10FFFF
		"valid \xce\xba and then \xed\xa0\x80 edited",
	}
)

// 6: texts, whole, in parts split at every byte, and chopped.
func utf8Texts() (cases []testCase) {
	add := func(what string, steps ...step) {
		cases = append(cases, testCase{id: number("6", len(cases)+1), what: what, steps: steps})
	}
	for _, text := range valid {
		b := []byte(text)
		add(fmt.Sprintf("valid %+q", text), normalEnd(send(wire.Masked(wire.Text, b)), hear(wire.Text, b))...)
		add(fmt.Sprintf("valid %+q byte by byte", text), normalEnd(chopped(1, wire.Masked(wire.Text, b)), hear(wire.Text, b))...)
		for i := 1; i < len(b); i++ {
			add(fmt.Sprintf("valid %+q split at %d", text, i), normalEnd(send(wire.Masked(wire.Begins, b[:i]), wire.Masked(wire.Last, b[i:])), hear(wire.Text, b))...)
		}
		add(fmt.Sprintf("valid %+q in parts of one byte", text), normalEnd(send(inParts(wire.Text, b, 1)), hear(wire.Text, b))...)
	}
	for _, text := range invalid {
		b := []byte(text)
		add(fmt.Sprintf("invalid %+q", text), send(wire.Masked(wire.Text, b)), closes(1007))
		add(fmt.Sprintf("invalid %+q in parts of one byte", text), send(inParts(wire.Text, b, 1)), closes(1007))
		// What can become no text any more is refused at once, whatever may follow.
		add(fmt.Sprintf("invalid %+q in the first of several parts", text), send(wire.Masked(wire.Begins, append(b, ' '))), closes(1007))
		add(fmt.Sprintf("%+q, which a binary message may have", text), normalEnd(send(wire.Masked(wire.Binary, b)), hear(wire.Binary, b))...)
	}
	return cases
}
