package abuse

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// An offence is what a client sends, and how its connection ends.
type offence struct {
	name  string
	send  [][]byte // each in a write of its own
	code  websocket.StatusCode
	cause error
}

func segments(b ...[]byte) [][]byte { return b }

// commit sends each offence on a connection of its own, which is closed at once, whether the client answers or not.
func (s *server) commit(t *testing.T, offences []offence) {
	t.Helper()
	for _, o := range offences {
		t.Run(o.name, func(t *testing.T) {
			c := s.connect(t)
			for _, b := range o.send {
				if !c.try(b) {
					break // it has closed before it had all of it, and says why
				}
			}
			c.ends(o.code, o.cause)
		})
	}
}

var hello = []byte("hello")

// Row 21.
func unmaskedFrames(t *testing.T) {
	s := start(t, setup{})
	s.commit(t, []offence{
		{"text", segments(unmasked(text, "hello")), 1002, errViolation},
		{"empty text", segments(unmasked(text, "")), 1002, errViolation},
		{"binary", segments(unmasked(bin, "hello")), 1002, errViolation},
		{"ping", segments(unmasked(ping, "hello")), 1002, errViolation},
		{"pong", segments(unmasked(pong, "")), 1002, errViolation},
		{"close", segments(unmasked(closing, "\x03\xe8")), 1002, errViolation},
		{"second fragment", segments(masked(begins, hello), unmasked(last, "hello")), 1002, errViolation},
		{"header alone", segments([]byte{text, 126, 0x10, 0x00}), 1002, errViolation},
		{"header of 2^63-1 bytes", segments([]byte{text, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), 1002, errViolation},
	})
}

// Rows 21 to 23: what came before the violation is handled, also if it came in the same segment.
func messagesBeforeViolations(t *testing.T) {
	s := start(t, setup{limits: wsgate.Limits{MessageFrames: 3}})
	for _, o := range []offence{
		{"unmasked frame", segments(unmasked(text, "world")), 1002, errViolation},
		{"reserved bit", segments(masked(text|rsv1, hello)), 1002, errViolation},
		{"reserved opcode", segments(masked(fin|3, hello)), 1002, errViolation},
		{"continuation", segments(masked(last, hello)), 1002, errViolation},
		{"length of 2^63", segments(header(text, 1<<63, 0)), 1002, errViolation},
		{"length of 4 GiB", segments(header(text, 4<<30, 0)), 1009, wsgate.ErrLimit},
		{"length of 4 GiB in a fragment", segments(header(begins, 4<<30, 0)), 1009, wsgate.ErrLimit},
		{"a large ping", segments(header(ping, 126, 0)), 1002, errViolation},
		{"too many pings", segments(bytes.Repeat(masked(ping, hello), 80)), 1008, wsgate.ErrLimit},
		{"too many fragments", segments(masked(begins, hello), bytes.Repeat(masked(more, hello), 5)), 1008, wsgate.ErrLimit},
		{"not UTF-8", segments(masked(text, []byte("\xff"))), 1007, errViolation},
		{"a bad close frame", segments(closeFrame(1006, "")), 1002, errViolation},
	} {
		t.Run(o.name, func(t *testing.T) {
			c := s.connect(t)
			first := masked(text, []byte("first"))
			fragmented := append(masked(begins, []byte("sec")), masked(last, []byte("ond"))...)
			c.put(bytes.Join(append([][]byte{first, fragmented}, o.send...), nil))
			e := c.ends(o.code, o.cause)
			var heard []string
			for _, f := range e.frames {
				if f.First == text {
					heard = append(heard, string(f.Payload))
				}
			}
			if strings.Join(heard, " ") != "first second" {
				t.Errorf("got %q before the close frame, want the echoes", heard)
			}
		})
	}
	t.Run("FIN inside the next", func(t *testing.T) {
		c := s.connect(t)
		c.put(append(masked(text, []byte("first")), masked(begins, hello)...))
		c.tcp.CloseWrite()
		if e := c.last(late); len(e.frames) != 1 || string(e.frames[0].Payload) != "first" {
			t.Errorf("got %v, want the echo", e.frames)
		}
		c.closedWith(errLost)
	})
}

// Row 22.
func malformedFrames(t *testing.T) {
	s := start(t, setup{})
	var offences []offence
	add := func(name string, send ...[]byte) {
		offences = append(offences, offence{name, send, 1002, errViolation})
	}
	for _, rsv := range []byte{rsv1, rsv2, rsv3, rsv1 | rsv2, rsv1 | rsv2 | rsv3} {
		for _, first := range []byte{text, bin, begins, ping, pong, closing} {
			add(fmt.Sprintf("reserved bits %02x of %02x", rsv, first), masked(first|rsv, []byte{0x03, 0xe8}))
		}
		add(fmt.Sprintf("reserved bits %02x of a second fragment", rsv), masked(begins, hello), masked(last|rsv, hello))
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		add(fmt.Sprintf("opcode %d", op), masked(fin|op, nil))
		add(fmt.Sprintf("opcode %d with a payload", op), masked(fin|op, hello))
		add(fmt.Sprintf("opcode %d without FIN", op), masked(op, hello))
		add(fmt.Sprintf("opcode %d inside a message", op), masked(begins, hello), masked(fin|op, nil))
	}
	for name, first := range map[string]byte{"ping": ping, "pong": pong, "close": closing} {
		add(name+" of 126 bytes", masked(first, append([]byte{0x03, 0xe8}, bytes.Repeat([]byte("x"), 124)...)))
		add(name+" of 64 KiB", masked(first, bytes.Repeat([]byte{0x03, 0xe8}, 32<<10)))
		add(name+" of 4 GiB", header(first, 4<<30, 0))
		add(name+" of 2^63-1 bytes", header(first, 1<<63-1, 0))
		add(name+" without FIN", masked(first&^fin, []byte{0x03, 0xe8}))
		add(name+" without FIN inside a message", masked(begins, hello), masked(first&^fin, []byte{0x03, 0xe8}))
	}
	add("continuation of nothing", masked(last, hello))
	add("continuation of nothing, without FIN", masked(more, hello))
	add("empty continuation of nothing", masked(last, nil))
	add("continuation of a message that has ended", masked(begins, hello), masked(last, hello), masked(last, hello))
	add("text inside a text", masked(begins, hello), masked(text, hello))
	add("binary inside a text", masked(begins, hello), masked(bin, hello))
	add("first part inside a text", masked(begins, hello), masked(begins, hello))
	for i := range offences { // the echo of a message that had ended may come first
		offences[i].send = segments(bytes.Join(offences[i].send, nil))
	}
	s.commit(t, offences)
}

// Row 23: a length is believed only as far as the limits allow, and costs no memory.
func hugeLengths(t *testing.T) {
	s := start(t, setup{limits: wsgate.Limits{MessageTime: short}, most: 16 << 20})
	const large, huge = 4 << 30, 1<<63 - 1
	s.commit(t, []offence{
		{"2^63", segments(header(text, 1<<63, 0)), 1002, errViolation},
		{"2^64-1", segments(header(text, 1<<64-1, 0)), 1002, errViolation},
		{"2^63 of a second fragment", segments(masked(begins, hello), header(last, 1<<63, 0)), 1002, errViolation},
		{"2^63-1", segments(header(text, huge, 0)), 1009, wsgate.ErrLimit},
		{"2^63-1, binary", segments(header(bin, huge, 0)), 1009, wsgate.ErrLimit},
		{"2^63-1 without FIN", segments(header(begins, huge, 0)), 1009, wsgate.ErrLimit},
		{"2^63-1 after 2 bytes", segments(masked(begins, hello[:2]), header(last, huge, 0)), 1009, wsgate.ErrLimit},
		{"4 GiB", segments(header(text, large, 0)), 1009, wsgate.ErrLimit},
		{"4 GiB and a few of them", segments(header(text, large, 0), hello), 1009, wsgate.ErrLimit},
		{"4 GiB in a second fragment", segments(masked(begins, hello), header(last, large, 0)), 1009, wsgate.ErrLimit},
		{"64 KiB and 1", segments(header(text, 64<<10+1, 0)), 1009, wsgate.ErrLimit},
	})
	for _, tc := range []struct {
		name string
		send []byte
	}{
		{"the first byte", []byte{text}},
		{"a header without its length", header(text, 300, 0)[:3]},
		{"a header without its mask", header(text, 5, 0)[:4]},
		{"a header", header(text, 5, 0)},
		{"a header of 64 KiB", header(text, 64<<10, 0)},
		{"half a payload", masked(text, bytes.Repeat(hello, 1000))[:2500]},
		{"all but the last byte", masked(text, hello)[:10]},
		{"a first fragment", masked(begins, hello)},
		{"half a ping", masked(ping, hello)[:8]},
		{"half a close frame", closeFrame(1000, "bye")[:8]},
		{"a ping inside a message", append(masked(begins, hello), masked(ping, nil)...)},
	} {
		t.Run("silence after "+tc.name, func(t *testing.T) {
			t.Parallel()
			c := s.connect(t)
			c.put(tc.send)
			c.endsAfter(short, 1013, wsgate.ErrLimit)
		})
	}
	t.Run("each byte in time, the message not", func(t *testing.T) {
		t.Parallel()
		c := s.connect(t)
		wait := c.dribble(short/20, append(header(text, 60_000, 0), 'x')...)
		c.endsAfter(short, 1013, wsgate.ErrLimit)
		wait()
	})
}

// Row 24: lengths that could be written shorter are accepted. RFC 6455 has clients not send them and does not say what
// becomes of them.
func longFormsOfLengths(t *testing.T) {
	s := start(t, setup{})
	c := s.connect(t)
	for _, form := range []int{0, 2, 8} {
		for _, payload := range [][]byte{nil, hello, bytes.Repeat([]byte("x"), 200)} {
			c.put(maskedAs(text, payload, form))
			c.hears(wire.Frame{First: text, Payload: payload})
		}
		c.put(maskedAs(ping, hello, form))
		c.hears(wire.Frame{First: pong, Payload: hello})
	}
	c.put(maskedAs(closing, []byte("\x03\xe8bye"), 8))
	c.ends(1000, nil)
}

// fragments returns a text message in frames of the given size.
func fragments(payload []byte, size int) []byte {
	var all []byte
	for i := 0; i < len(payload); i += size {
		first := byte(more)
		if i == 0 {
			first = begins
		}
		if i+size >= len(payload) {
			first |= fin
		}
		all = append(all, masked(first, payload[i:min(i+size, len(payload))])...)
	}
	return all
}

// Row 25.
func messageLimit(t *testing.T) {
	for _, tc := range []struct {
		limit int // 0 is the default of 64 KiB
		sizes []int
	}{
		{0, []int{1 << 20, 100, 1 << 10}},
		{300, []int{1 << 20, 1, 7, 299}},
	} {
		s := start(t, setup{limits: wsgate.Limits{Message: tc.limit}})
		limit := tc.limit
		if limit == 0 {
			limit = 64 << 10
		}
		for _, size := range tc.sizes {
			t.Run(fmt.Sprintf("%d in frames of %d", limit, size), func(t *testing.T) {
				c := s.connect(t)
				for _, n := range []int{limit - 1, limit} {
					payload := bytes.Repeat([]byte("x"), n)
					c.put(fragments(payload, size))
					c.hears(wire.Frame{First: text, Payload: payload})
				}
				c.put(fragments(bytes.Repeat([]byte("x"), limit+1), size))
				c.ends(1009, wsgate.ErrLimit)
			})
		}
	}
}

// Row 26: frames cost something also when they carry nothing.
func endlessFragments(t *testing.T) {
	flood := func(name string, frame []byte, n int) {
		t.Run(name, func(t *testing.T) {
			s := start(t, setup{limits: wsgate.Limits{MessageTime: time.Minute}})
			c := s.connect(t)
			c.put(masked(begins, nil))
			wait := c.flood(bytes.Repeat(frame, 1000), n*len(frame))
			c.ends(1008, wsgate.ErrLimit)
			wait()
		})
	}
	flood("empty ones", masked(more, nil), 3_000_000)
	flood("of one byte", masked(more, []byte("x")), 100_000)
	flood("of one byte, with long headers", maskedAs(more, []byte("x"), 8), 100_000)
	s := start(t, setup{limits: wsgate.Limits{MessageTime: short}})
	for name, frame := range map[string][]byte{
		"an empty one now and then": masked(more, nil), "one byte now and then": masked(more, []byte("x")),
		"a ping now and then": masked(ping, nil),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.connect(t)
			c.put(masked(begins, nil))
			wait := c.dribbleFrames(short/20, frame)
			c.endsAfter(short, 1013, wsgate.ErrLimit)
			wait()
		})
	}
	t.Run("more on the wire than allowed", func(t *testing.T) {
		s := start(t, setup{limits: wsgate.Limits{Message: 300, MessageWire: 500}})
		c := s.connect(t)
		c.put(fragments(bytes.Repeat([]byte("x"), 300), 2))
		c.ends(1009, wsgate.ErrLimit)
	})
	t.Run("as many as allowed", func(t *testing.T) {
		s := start(t, setup{limits: wsgate.Limits{MessageFrames: 50}})
		c := s.connect(t)
		payload := []byte(strings.Repeat("x", 50))
		c.put(fragments(payload, 1))
		c.hears(wire.Frame{First: text, Payload: payload})
		c.put(fragments(append(payload, 'x'), 1))
		c.ends(1008, wsgate.ErrLimit)
	})
}
