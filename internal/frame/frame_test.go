package frame_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
)

func TestHeaders(t *testing.T) {
	for _, test := range []struct {
		n      int
		header []byte
	}{
		{0, []byte{0}},
		{1, []byte{1}},
		{125, []byte{125}},
		{126, []byte{126, 0, 126}},
		{127, []byte{126, 0, 127}},
		{65535, []byte{126, 0xff, 0xff}},
		{65536, []byte{127, 0, 0, 0, 0, 0, 1, 0, 0}},
		{1 << 20, []byte{127, 0, 0, 0, 0, 0, 0x10, 0, 0}},
	} {
		payload := bytes.Repeat([]byte("x"), test.n)
		for typ, first := range map[websocket.MessageType]byte{websocket.MessageText: 0x81, websocket.MessageBinary: 0x82} {
			want := append([]byte{first}, test.header...)
			if len(want) > frame.MaxHeader {
				t.Errorf("%d bytes: a header of %d bytes", test.n, len(want))
			}
			want = append(want, payload...)
			if f := frame.New(typ, payload); !bytes.Equal(f, want) {
				t.Errorf("%v of %d bytes: got %x…, want %x…", typ, test.n, f[:min(len(f), 12)], want[:min(len(want), 12)])
			}
		}
	}
}

func TestNewCopies(t *testing.T) {
	payload := []byte("abc")
	f := frame.New(websocket.MessageText, payload)
	payload[0] = 'x'
	if string(f[2:]) != "abc" {
		t.Errorf("got %q, want abc", f[2:])
	}
}

func TestClose(t *testing.T) {
	for _, test := range []struct {
		code   websocket.StatusCode
		reason string
		want   string
	}{
		{1000, "", "\x88\x02\x03\xe8"},
		{1008, "no", "\x88\x04\x03\xf0no"},
		{4999, strings.Repeat("x", 123), "\x88\x7d\x13\x87" + strings.Repeat("x", 123)},
		{1000, strings.Repeat("x", 124), "\x88\x7d\x03\xe8" + strings.Repeat("x", 123)},
		{1000, strings.Repeat("x", 122) + "ä", "\x88\x7c\x03\xe8" + strings.Repeat("x", 122)},
		{websocket.StatusNoStatusRcvd, "", "\x88\x02\x03\xf3"},
		{websocket.StatusNoStatusRcvd, "why", "\x88\x05\x03\xf3why"},
	} {
		if f := frame.Close(test.code, test.reason); string(f) != test.want {
			t.Errorf("%d %.10q: got %q, want %q", test.code, test.reason, f, test.want)
		}
	}
	if string(frame.Ping) != "\x89\x00" {
		t.Errorf("got ping %q", frame.Ping)
	}
}

// Codes that must not be on the wire are sent as 1011 (RFC 6455 section 7.4.1).
func TestCloseCodes(t *testing.T) {
	for code, want := range map[websocket.StatusCode]websocket.StatusCode{
		1000: 1000, 1001: 1001, 1003: 1003, 1007: 1007, 1011: 1011, 1012: 1012, 1014: 1014, 3000: 3000, 4999: 4999,
		-1: 1011, 0: 1011, 999: 1011, 1004: 1011, 1006: 1011, 1015: 1011, 1016: 1011, 2999: 1011, 5000: 1011, 66536: 1011,
	} {
		f := frame.Close(code, "x")
		if got := websocket.StatusCode(binary.BigEndian.Uint16(f[2:])); got != want || len(f) != 5 {
			t.Errorf("%d: got %d in %x, want %d", code, got, f, want)
		}
	}
}

// A receiver has to fail a connection whose close reason is not UTF-8 (RFC 6455 section 5.5.1).
func TestCloseReasonIsUTF8(t *testing.T) {
	for _, reason := range []string{"\xff", "a\xc3", "\xed\xa0\x80", strings.Repeat("\x80", 200)} {
		if f := frame.Close(1000, reason); !utf8.Valid(f[4:]) {
			t.Errorf("%.10q: got %q", reason, f[4:])
		}
	}
}

func FuzzCutReason(f *testing.F) {
	for _, reason := range []string{
		"", "x", strings.Repeat("x", 122), strings.Repeat("x", 123), strings.Repeat("x", 124), strings.Repeat("x", 122) + "ä", strings.Repeat("x", 121) + "€€",
		strings.Repeat("x", 120) + "😀", strings.Repeat("x", 123) + "ä", strings.Repeat("\x80", 200), strings.Repeat("x", 122) + "\xc3", "\xff", strings.Repeat("x\xff", 61), strings.Repeat("😀", 31),
	} {
		f.Add(reason)
	}
	f.Fuzz(func(t *testing.T, reason string) {
		cut := frame.CutReason(reason)
		if len(cut) > 123 || !strings.HasPrefix(reason, cut) {
			t.Errorf("%q: got %q", reason, cut)
		}
		if utf8.ValidString(reason) {
			if !utf8.ValidString(cut) {
				t.Errorf("%q: got %q, which is not UTF-8", reason, cut)
			}
			if len(cut) < len(reason) {
				if _, next := utf8.DecodeRuneInString(reason[len(cut):]); len(cut)+next <= 123 {
					t.Errorf("%q: cut to %d bytes, though the next rune fits", reason, len(cut))
				}
			}
		}
		f := frame.Close(1000, reason)
		if f[0] != 0x88 || int(f[1]) != len(f)-2 || len(f) > 127 || binary.BigEndian.Uint16(f[2:]) != 1000 || !utf8.Valid(f[4:]) {
			t.Errorf("%q: got frame %x", reason, f)
		}
		if utf8.ValidString(reason) && string(f[4:]) != cut {
			t.Errorf("%q: got reason %q, want %q", reason, f[4:], cut)
		}
	})
}
