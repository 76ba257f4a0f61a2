package conformance

import (
	"bytes"
	"compress/flate"
	"fmt"

	"github.com/wsgate/wsgate/internal/test/wire"
)

// 12 and 13: permessage-deflate. The server's side is always without context takeover, and so it asks clients to be
// (RFC 7692 section 7.1.1): what a client offers beyond that is declined.
func compression() (cases []testCase) {
	section := "12"
	add := func(what, offer string, steps ...step) {
		cases = append(cases, testCase{id: number(section, len(cases)+1), what: what, offer: offer, steps: steps})
	}
	const plain = "permessage-deflate"
	for _, first := range []byte{wire.Text, wire.Binary} {
		for _, n := range []int{0, 16, 64, 256, 1 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10, 1 << 20} {
			text := prose(n)
			add(fmt.Sprintf("%d bytes in frame %x", n, first), plain,
				normalEnd(agreed(answered), send(deflated(first, text)), hearMessage(first, text), send(deflated(first, text)), hearMessage(first, text))...)
		}
		for _, part := range []int{1, 100, 1 << 10} {
			text := prose(8 << 10)
			add(fmt.Sprintf("8 KiB in parts of %d, %x", part, first), plain,
				normalEnd(send(inParts(first|wire.RSV1, deflate(text), part)), hearMessage(first, text))...)
		}
	}
	text := []byte("Hello, hello, hello!")
	add("a message that is not compressed", plain, normalEnd(send(wire.Masked(wire.Text, text)), hearMessage(wire.Text, text))...)
	add("one of each", plain, normalEnd(send(wire.Masked(wire.Text, text), deflated(wire.Text, text), wire.Masked(wire.Binary, text), deflated(wire.Binary, text)),
		hearMessage(wire.Text, text), hearMessage(wire.Text, text), hearMessage(wire.Binary, text), hearMessage(wire.Binary, text))...)
	add("a ping between the parts of a compressed message", plain, normalEnd(send(parts(deflate(text), wire.Masked(wire.Ping, []byte("p")))), hear(wire.Pong, []byte("p")), hearMessage(wire.Text, text))...)
	add("blocks that are stored", plain, normalEnd(send(wire.Masked(wire.Text|wire.RSV1, deflateAt(flate.NoCompression, text))), hearMessage(wire.Text, text))...)
	add("the best compression", plain, normalEnd(send(wire.Masked(wire.Text|wire.RSV1, deflateAt(flate.BestCompression, text))), hearMessage(wire.Text, text))...)
	add("text that is not UTF-8, compressed", plain, send(deflated(wire.Text, []byte("\xed\xa0\x80"))), closes(1007))
	add("no stream of deflate", plain, send(wire.Masked(wire.Text|wire.RSV1, []byte("\xff\xff\xff\xff"))), closes(1007))
	add("the mark on a part that is not the first", plain, send(wire.Masked(wire.Begins, []byte("a")), wire.Masked(wire.Last|wire.RSV1, []byte("b"))), closes(1002))
	add("the mark on a ping", plain, send(wire.Masked(wire.Ping|wire.RSV1, nil)), closes(1002))
	add("the mark, and nothing was agreed upon", "", send(deflated(wire.Text, text)), closes(1002))
	add("a message of 20 MiB in 20 KiB", plain, send(deflated(wire.Text, payload(20<<20))), closes(1009))

	section = "13"
	const window = answered + "; server_max_window_bits=15"
	for _, offer := range []struct{ what, header, answer string }{
		{"no takeover by the server", plain + "; server_no_context_takeover", answered},
		{"no takeover by the client", plain + "; client_no_context_takeover", answered},
		{"no takeover by either", plain + "; server_no_context_takeover; client_no_context_takeover", answered},
		{"no takeover by the server, with a value", plain + "; server_no_context_takeover=1", ""},
		{"no takeover by the client, with a value", plain + "; client_no_context_takeover=true", ""},
		{"as Chromium offers", plain + "; client_max_window_bits", answered},
		{"a window of 15 bits for the client", plain + "; client_max_window_bits=15", answered},
		{"a window of 8 bits for the client, which it may have", plain + "; client_max_window_bits=8", answered},
		{"a window for the client of 7 bits", plain + "; client_max_window_bits=7", ""},
		{"a window for the client of 16 bits", plain + "; client_max_window_bits=16", ""},
		{"a window for the client with a leading zero", plain + "; client_max_window_bits=09", ""},
		{"a window for the client without its value", plain + "; client_max_window_bits=", ""},
		{"a window of 15 bits for the server, which has to confirm it", plain + "; server_max_window_bits=15", window},
		{"the same as a quoted string", plain + `; server_max_window_bits="15"`, window},
		{"the same with spaces", plain + " ;\tserver_max_window_bits = 15 ", window},
		{"the same with all that is known", plain + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15; client_max_window_bits=10", window},
		{"a quoted string that does not end", plain + `; server_max_window_bits="15`, ""},
		{"a window of 14 bits for the server, which it cannot keep", plain + "; server_max_window_bits=14", ""},
		{"a window of 8 bits for the server, which it cannot keep", plain + "; server_max_window_bits=8", ""},
		{"a window for the server of 7 bits", plain + "; server_max_window_bits=7", ""},
		{"a window for the server of 16 bits", plain + "; server_max_window_bits=16", ""},
		{"a window for the server without a value, which it must have", plain + "; server_max_window_bits", ""},
		{"a fallback without the window", plain + "; server_max_window_bits=8, " + plain, answered},
		{"a fallback with a window that can be kept", plain + "; server_max_window_bits=10, " + plain + "; server_max_window_bits=15", window},
		{"a fallback that is not needed", plain + ", " + plain + "; server_max_window_bits=15", answered},
		{"a fallback of what nobody knows", plain + "; fastest, " + plain + "; client_max_window_bits", answered},
		{"only what has to be declined", plain + "; server_max_window_bits=10, " + plain + "; fastest", ""},
		{"a parameter that nobody knows", plain + "; fastest", ""},
		{"a parameter in other letters", plain + "; Server_No_Context_Takeover", ""},
		{"a parameter twice", plain + "; client_no_context_takeover; client_no_context_takeover", ""},
		{"a window twice", plain + "; server_max_window_bits=15; server_max_window_bits=15", ""},
		{"a window twice, once with a value", plain + "; client_max_window_bits; client_max_window_bits=15", ""},
		{"a parameter that is empty", plain + ";", ""},
		{"another extension", "x-webkit-deflate-frame", ""},
		{"an unknown extension first", "foo, " + plain, answered},
		{"an empty element first", " , " + plain, answered},
	} {
		steps := []step{agreed(offer.answer), send(wire.Masked(wire.Text, text)), hearMessage(wire.Text, text)}
		if offer.answer != "" {
			steps = append(steps, send(deflated(wire.Text, prose(4<<10))), hearMessage(wire.Text, prose(4<<10)))
		}
		add("offer of "+offer.what, offer.header, normalEnd(steps...)...)
	}
	return cases
}

// answered is what the server agrees to, whatever else it may be told.
const answered = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"

// agreed checks which extensions the response has.
func agreed(want string) step {
	return step{check: func(c *client) error {
		if c.agreed != want {
			return fmt.Errorf("the response has the extensions %q, want %q", c.agreed, want)
		}
		return nil
	}}
}

// prose is text that compresses as text does.
func prose(n int) []byte {
	var out bytes.Buffer
	for i := 0; out.Len() < n; i++ {
		fmt.Fprintf(&out, "Line %d: the quick brown fox number %d jumps over %d lazy dogs.\n", i, i*7919%1000, i*104729%97)
	}
	return out.Bytes()[:n]
}

func deflated(first byte, text []byte) []byte { return wire.Masked(first|wire.RSV1, deflate(text)) }

func deflate(text []byte) []byte { return deflateAt(flate.DefaultCompression, text) }

// deflateAt compresses a message as RFC 7692 section 7.2.1 says.
func deflateAt(level int, text []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, level)
	if err != nil {
		panic(err)
	}
	w.Write(text)
	w.Flush()
	return bytes.TrimSuffix(out.Bytes(), []byte("\x00\x00\xff\xff"))
}

// parts puts another frame between two halves of a compressed text.
func parts(text, between []byte) []byte {
	half := len(text) / 2
	return bytes.Join([][]byte{wire.Masked(wire.Begins|wire.RSV1, text[:half]), between, wire.Masked(wire.Last, text[half:])}, nil)
}
