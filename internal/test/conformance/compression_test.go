package conformance

import (
	"bytes"
	"compress/flate"
	"fmt"
	"strings"

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
				normalEnd(agreed(true), send(deflated(first, text)), hearMessage(first, text), send(deflated(first, text)), hearMessage(first, text))...)
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
	for _, offer := range []struct {
		what, header string
		agreed       bool
	}{
		{"no takeover by the server", plain + "; server_no_context_takeover", true},
		{"no takeover by the client", plain + "; client_no_context_takeover", true},
		{"no takeover by either", plain + "; server_no_context_takeover; client_no_context_takeover", true},
		{"a window of 15 bits for the client", plain + "; client_max_window_bits=15", true},
		{"as Chromium offers", plain + "; client_max_window_bits", true},
		{"a window of 8 bits for the server, which it cannot keep", plain + "; server_max_window_bits=8", false},
		{"a fallback without that window", plain + "; server_max_window_bits=8, " + plain, true},
		{"a parameter that nobody knows", plain + "; fastest", false},
		{"a parameter twice", plain + "; client_no_context_takeover; client_no_context_takeover", false},
		{"a value where none may be", plain + "; server_no_context_takeover=1", false},
		{"a window of 7 bits", plain + "; server_max_window_bits=7", false},
		{"another extension", "x-webkit-deflate-frame", false},
		{"an unknown extension first", "foo, " + plain, true},
	} {
		steps := []step{agreed(offer.agreed), send(wire.Masked(wire.Text, text)), hearMessage(wire.Text, text)}
		if offer.agreed {
			steps = append(steps, send(deflated(wire.Text, prose(4<<10))), hearMessage(wire.Text, prose(4<<10)))
		}
		add("offer of "+offer.what, offer.header, normalEnd(steps...)...)
	}
	return cases
}

// agreed checks whether the response has the extension, as the server's only form of it.
func agreed(want bool) step {
	return step{check: func(c *client) error {
		has := strings.HasPrefix(c.agreed, "permessage-deflate")
		if has != want || has && (!strings.Contains(c.agreed, "server_no_context_takeover") || !strings.Contains(c.agreed, "client_no_context_takeover")) {
			return fmt.Errorf("the response has the extensions %q", c.agreed)
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
