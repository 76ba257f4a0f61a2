package conformance

import (
	"bytes"
	"fmt"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/test/wire"
)

// 1: lengths, in each of their forms, whole and chopped.
func framing() (cases []testCase) {
	for kind, first := range map[int]byte{1: wire.Text, 2: wire.Binary} {
		n := 0
		add := func(what string, steps ...step) {
			n++
			cases = append(cases, testCase{id: number(fmt.Sprintf("1.%d", kind), n), what: what, steps: normalEnd(steps...)})
		}
		for _, length := range []int{0, 1, 2, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537, 1 << 18} {
			add(fmt.Sprintf("%d bytes", length), send(wire.Masked(first, payload(length))), hear(first, payload(length)))
		}
		for _, length := range []int{0, 1, 7, 125, 126, 1000} {
			for _, chop := range []int{1, 2, 7} {
				add(fmt.Sprintf("%d bytes, %d at a time", length, chop), chopped(chop, wire.Masked(first, payload(length))), hear(first, payload(length)))
			}
		}
		add("65536 bytes, 997 at a time", chopped(997, wire.Masked(first, payload(65536))), hear(first, payload(65536)))
		for _, form := range []int{2, 8} {
			add(fmt.Sprintf("5 bytes with a length of %d bytes", form), send(wire.MaskedAs(first, []byte("hello"), form)), hear(first, []byte("hello")))
		}
		add("two in one write", send(wire.Masked(first, []byte("a")), wire.Masked(first, []byte("b"))), hear(first, []byte("a")), hear(first, []byte("b")))
		add("a hundred in one write", hundred(first)...)
	}
	return cases
}

func hundred(first byte) (steps []step) {
	var all []byte
	for i := range 100 {
		all = append(all, wire.Masked(first, payload(i))...)
	}
	steps = append(steps, send(all))
	for i := range 100 {
		steps = append(steps, hear(first, payload(i)))
	}
	return steps
}

// 2: pings and pongs.
func pings() (cases []testCase) {
	add := func(what string, steps ...step) {
		cases = append(cases, testCase{id: number("2", len(cases)+1), what: what, steps: steps})
	}
	for _, n := range []int{0, 1, 5, 124, 125} {
		add(fmt.Sprintf("ping with %d bytes", n), normalEnd(send(wire.Masked(wire.Ping, payload(n))), hear(wire.Pong, payload(n)))...)
	}
	add("ping with bytes that are no text", normalEnd(send(wire.Masked(wire.Ping, []byte("\x00\xff\xfe\xfd\xfc\xfb\x00\xff"))), hear(wire.Pong, []byte("\x00\xff\xfe\xfd\xfc\xfb\x00\xff")))...)
	add("ping with 126 bytes", send(wire.Masked(wire.Ping, payload(126))), closes(1002))
	add("ping byte by byte", normalEnd(chopped(1, wire.Masked(wire.Ping, payload(125))), hear(wire.Pong, payload(125)))...)
	add("pong nobody asked for", normalEnd(send(wire.Masked(wire.Pong, nil), wire.Masked(wire.Text, []byte("x"))), hear(wire.Text, []byte("x")))...)
	add("pong with a payload nobody asked for", normalEnd(send(wire.Masked(wire.Pong, []byte("unsolicited")), wire.Masked(wire.Ping, []byte("p"))), hear(wire.Pong, []byte("p")))...)
	var ten []byte
	var pongs []step
	for i := range 10 {
		ten = append(ten, wire.Masked(wire.Ping, payload(i))...)
		pongs = append(pongs, hear(wire.Pong, payload(i)))
	}
	add("ten pings in one write", normalEnd(append([]step{send(ten)}, pongs...)...)...)
	add("ten pings byte by byte", normalEnd(append([]step{chopped(1, ten)}, pongs...)...)...)
	return cases
}

// 3: reserved bits.
func reservedBits() (cases []testCase) {
	for _, first := range []byte{wire.Text, wire.Binary, wire.Ping, wire.Closing} {
		for bits := byte(1); bits < 8; bits++ {
			cases = append(cases, testCase{
				id: number("3", len(cases)+1), what: fmt.Sprintf("frame %x with reserved bits %03b", first, bits),
				steps: []step{send(wire.Masked(first|bits<<4, []byte("\x03\xe8"))), closes(1002)},
			})
		}
	}
	cases = append(cases,
		testCase{id: number("3", len(cases)+1), what: "after a message", steps: []step{
			send(wire.Masked(wire.Text, []byte("ok")), wire.Masked(wire.Text|wire.RSV2, []byte("x"))), hear(wire.Text, []byte("ok")), closes(1002),
		}},
		testCase{id: number("3", len(cases)+2), what: "byte by byte", steps: []step{chopped(1, wire.Masked(wire.Text|wire.RSV3, []byte("x"))), closes(1002)}},
	)
	return cases
}

// 4: opcodes that nobody knows.
func opcodes() (cases []testCase) {
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for _, body := range []string{"", "unknown"} {
			cases = append(cases, testCase{
				id: number("4", len(cases)+1), what: fmt.Sprintf("opcode %d with %d bytes", op, len(body)),
				steps: []step{
					send(wire.Masked(wire.Text, []byte("ok")), wire.Masked(wire.Fin|op, []byte(body)), wire.Masked(wire.Ping, nil)),
					hear(wire.Text, []byte("ok")), closes(1002),
				},
			})
		}
	}
	return cases
}

// 5: fragments.
func fragments() (cases []testCase) {
	add := func(what string, steps ...step) {
		cases = append(cases, testCase{id: number("5", len(cases)+1), what: what, steps: steps})
	}
	part := func(first byte, text string) []byte { return wire.Masked(first, []byte(text)) }
	for _, chop := range []int{0, 1} {
		add("control frames in fragments", chopped(chop, part(wire.Ping&^wire.Fin, "frag"), part(wire.Last, "ment")), closes(1002))
		add("pong in fragments", chopped(chop, part(wire.Pong&^wire.Fin, "frag"), part(wire.Last, "ment")), closes(1002))
		add("text in two parts", normalEnd(chopped(chop, part(wire.Begins, "frag"), part(wire.Last, "ment")), hear(wire.Text, []byte("fragment")))...)
		add("binary in two parts", normalEnd(chopped(chop, part(wire.BeginsB, "frag"), part(wire.Last, "ment")), hear(wire.Binary, []byte("fragment")))...)
		add("text in three parts", normalEnd(chopped(chop, part(wire.Begins, "a"), part(wire.More, "b"), part(wire.Last, "c")), hear(wire.Text, []byte("abc")))...)
		add("a ping between parts", normalEnd(chopped(chop, part(wire.Begins, "frag"), part(wire.Ping, "p"), part(wire.Last, "ment")), hear(wire.Pong, []byte("p")), hear(wire.Text, []byte("fragment")))...)
		add("two pings between parts", normalEnd(chopped(chop, part(wire.Begins, "a"), part(wire.Ping, "1"), part(wire.More, "b"), part(wire.Ping, "2"), part(wire.Last, "c")),
			hear(wire.Pong, []byte("1")), hear(wire.Pong, []byte("2")), hear(wire.Text, []byte("abc")))...)
		add("a pong between parts", normalEnd(chopped(chop, part(wire.Begins, "a"), part(wire.Pong, "1"), part(wire.Last, "c")), hear(wire.Text, []byte("ac")))...)
		add("a continuation of nothing, last", chopped(chop, part(wire.Last, "x"), part(wire.Text, "y")), closes(1002))
		add("a continuation of nothing", chopped(chop, part(wire.More, "x"), part(wire.Last, "y")), closes(1002))
		add("a continuation after a message", chopped(chop, part(wire.Text, "ok"), part(wire.Last, "x")), hear(wire.Text, []byte("ok")), closes(1002))
		add("text inside of text", chopped(chop, part(wire.Begins, "a"), part(wire.Text, "b")), closes(1002))
		add("binary inside of text", chopped(chop, part(wire.Begins, "a"), part(wire.Binary, "b")), closes(1002))
		add("text begins inside of text", chopped(chop, part(wire.Begins, "a"), part(wire.Begins, "b"), part(wire.Last, "c")), closes(1002))
		add("text begins inside of binary", chopped(chop, part(wire.BeginsB, "a"), part(wire.Begins, "b")), closes(1002))
		add("empty parts", normalEnd(chopped(chop, part(wire.Begins, ""), part(wire.More, ""), part(wire.Last, "")), hear(wire.Text, nil))...)
		add("one full part between empty ones", normalEnd(chopped(chop, part(wire.Begins, ""), part(wire.More, "x"), part(wire.Last, "")), hear(wire.Text, []byte("x")))...)
		add("two messages in parts", normalEnd(chopped(chop, part(wire.Begins, "a"), part(wire.Last, "b"), part(wire.BeginsB, "c"), part(wire.Last, "d")),
			hear(wire.Text, []byte("ab")), hear(wire.Binary, []byte("cd")))...)
		add("a whole message between messages in parts", normalEnd(chopped(chop, part(wire.Begins, "a"), part(wire.Last, "b"), part(wire.Text, "c"), part(wire.Begins, "d"), part(wire.Last, "e")),
			hear(wire.Text, []byte("ab")), hear(wire.Text, []byte("c")), hear(wire.Text, []byte("de")))...)
		add("a close between parts", chopped(chop, part(wire.Begins, "a"), wire.Close(1000, "")), closes(1000))
	}
	return cases
}

// 9: messages up to the limit, and past it.
func limits() (cases []testCase) {
	add := func(what string, steps ...step) {
		cases = append(cases, testCase{id: number("9", len(cases)+1), what: what, steps: steps})
	}
	for _, first := range []byte{wire.Text, wire.Binary} {
		for _, n := range []int{64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20} {
			add(fmt.Sprintf("%d KiB in one frame %x", n>>10, first), normalEnd(send(wire.Masked(first, payload(n))), hearMessage(first, payload(n)))...)
		}
		for _, part := range []int{64, 256, 1 << 10, 64 << 10} {
			all := inParts(first, payload(1<<20), part)
			add(fmt.Sprintf("1 MiB in parts of %d, %x", part, first), normalEnd(send(all), hearMessage(first, payload(1<<20)))...)
		}
		for _, chop := range []int{64, 1 << 10} {
			add(fmt.Sprintf("256 KiB, %d bytes at a time, %x", chop, first), normalEnd(chopped(chop, wire.Masked(first, payload(256<<10))), hearMessage(first, payload(256<<10)))...)
		}
		add(fmt.Sprintf("a byte more than the limit, %x", first), send(wire.Header(first, messageLimit+1, 0)), closes(1009))
		add(fmt.Sprintf("a byte more than the limit, in parts, %x", first),
			send(inParts(first, payload(messageLimit+1), 1<<20)), closes(1009, noCode)) // noCode: unread input resets the connection
	}
	return cases
}

// inParts cuts a message into frames of n bytes.
func inParts(first byte, payload []byte, n int) []byte {
	var out bytes.Buffer
	op := first &^ byte(wire.Fin)
	for len(payload) > n {
		out.Write(wire.Masked(op, payload[:n]))
		payload, op = payload[n:], wire.More
	}
	out.Write(wire.Masked(op|wire.Fin, payload))
	return out.Bytes()
}

// 10: however a message is cut and chopped, it is the same.
func autoFragments() (cases []testCase) {
	text := bytes.Repeat([]byte("The quick brown fox jumps over the lazy dog. "), 1457)[:65536]
	for _, part := range []int{1300, 8192, 65535} {
		for _, chop := range []int{0, 1000} {
			cases = append(cases, testCase{
				id: number("10", len(cases)+1), what: fmt.Sprintf("64 KiB in parts of %d, %d at a time", part, chop),
				steps: normalEnd(chopped(chop, inParts(wire.Text, text, part)), hearMessage(wire.Text, text)),
			})
		}
	}
	return cases
}

// 7: the closing handshake.
func closings() (cases []testCase) {
	add := func(what string, steps ...step) {
		cases = append(cases, testCase{id: number("7", len(cases)+1), what: what, steps: steps})
	}
	add("close after a message", send(wire.Masked(wire.Text, []byte("x")), wire.Close(1000, "")), hear(wire.Text, []byte("x")), closes(1000))
	add("two closes", send(wire.Close(1000, ""), wire.Close(1000, "")), closes(1000))
	add("ping after close", send(wire.Close(1000, ""), wire.Masked(wire.Ping, nil)), closes(1000))
	add("text after close", send(wire.Close(1000, ""), wire.Masked(wire.Text, []byte("late"))), closes(1000))
	add("parts of a message around a close", send(wire.Masked(wire.Begins, []byte("a")), wire.Close(1000, ""), wire.Masked(wire.Last, []byte("b"))), closes(1000))
	add("256 KiB before a close", send(wire.Masked(wire.Text, payload(256<<10)), wire.Close(1000, "")), hear(wire.Text, payload(256<<10)), closes(1000))
	add("no payload", send(wire.Masked(wire.Closing, nil)), closes(websocket.StatusNoStatusRcvd))
	add("a payload of one byte", send(wire.Masked(wire.Closing, []byte{3})), closes(1002))
	add("a reason", send(wire.Close(1000, "Hello World!")), hear(wire.Closing, []byte("\x03\xe8Hello World!")), closes(noCode))
	add("a reason of 123 bytes", send(wire.Close(1000, string(payload(123)))), hear(wire.Closing, append([]byte("\x03\xe8"), payload(123)...)), closes(noCode))
	add("a reason of 124 bytes", send(wire.Close(1000, string(payload(124)))), closes(1002))
	add("a reason that is not UTF-8", send(wire.Close(1000, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80")), closes(1007))
	add("a close in fragments", send(wire.Masked(wire.Closing&^wire.Fin, []byte("\x03\xe8")), wire.Masked(wire.Last, nil)), closes(1002))
	add("a close byte by byte", chopped(1, wire.Close(1000, "bye")), closes(1000))
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		add(fmt.Sprintf("code %d", code), send(wire.Close(code, "")), closes(websocket.StatusCode(code)))
	}
	for _, code := range []uint16{0, 1, 500, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		add(fmt.Sprintf("code %d, which must not be", code), send(wire.Close(code, "")), closes(1002))
	}
	return cases
}
