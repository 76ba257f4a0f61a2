package abuse

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// compressible serves with permessage-deflate.
func compressible(t *testing.T, l wsgate.Limits) *server {
	t.Helper()
	return start(t, setup{limits: l, options: wsgate.Options{Compression: true}})
}

const deflateOffer = "Sec-WebSocket-Extensions: permessage-deflate"

// deflating opens a WebSocket that has negotiated compression.
func (s *server) deflating(t testing.TB) *client {
	t.Helper()
	c := s.dial(t)
	c.put(s.upgrade(c.target(), deflateOffer))
	resp := c.response()
	if got := resp.Header.Get("Sec-Websocket-Extensions"); resp.StatusCode != 101 || !strings.HasPrefix(got, "permessage-deflate") {
		t.Fatalf("got %s with %q, want 101 with permessage-deflate", resp.Status, got)
	}
	return c
}

// deflate returns the payload of a compressed message (RFC 7692 section 7.2.1).
func deflate(p []byte) []byte { return deflateAll(p)[0] }

// bomb is a compressed message of about 30 KiB that becomes 30 MiB.
var bomb = sync.OnceValue(func() []byte {
	const part = 256 << 10
	flushed := append(deflate(make([]byte, part)), "\x00\x00\xff\xff"...)
	return bytes.TrimSuffix(bytes.Repeat(flushed, 30<<20/part), []byte("\x00\x00\xff\xff"))
})

// deflateAll returns the payloads of messages that were compressed in one context, each with what came before it.
func deflateAll(messages ...[]byte) (payloads [][]byte) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		panic(err)
	}
	for _, p := range messages {
		w.Write(p)
		w.Flush()
		payloads = append(payloads, bytes.Clone(bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff"))))
		b.Reset()
	}
	return payloads
}

// inflate undoes what the server may have done to a message.
func (c *client) inflate(f wire.Frame) []byte {
	c.t.Helper()
	if f.First&rsv1 == 0 {
		return f.Payload
	}
	tail := "\x00\x00\xff\xff\x01\x00\x00\xff\xff" // an empty block, and the last one, also empty
	var out bytes.Buffer
	if _, err := out.ReadFrom(flate.NewReader(bytes.NewReader(append(f.Payload, tail...)))); err != nil {
		c.t.Errorf("the server sent %x: %v", f.Payload, err)
	}
	return out.Bytes()
}

// hearsText fails the test unless the next frame is that message, compressed or not.
func (c *client) hearsText(want []byte) {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	f, err := wire.ReadFrame(c.in)
	if err != nil || f.First&^rsv1 != text {
		c.t.Fatalf("got frame %v, %v", f, err)
	}
	if got := c.inflate(f); !bytes.Equal(got, want) {
		c.t.Errorf("got %.60q, want %.60q", got, want)
	}
}

// Row 35: what was not negotiated is an error.
func compressionWithoutNegotiation(t *testing.T) {
	for _, offered := range []bool{false, true} {
		t.Run(fmt.Sprint("server offers it: ", offered), func(t *testing.T) {
			s := start(t, setup{options: wsgate.Options{Compression: offered}})
			s.commit(t, []offence{
				{"text", segments(masked(text|rsv1, deflate(hello))), 1002, errViolation},
				{"binary", segments(masked(bin|rsv1, deflate(hello))), 1002, errViolation},
				{"first fragment", segments(masked(begins|rsv1, deflate(hello))), 1002, errViolation},
				{"empty", segments(masked(text|rsv1, nil)), 1002, errViolation},
				{"2^63-1 bytes", segments(header(text|rsv1, 1<<63-1, 0)), 1002, errViolation},
				{"bomb", segments(masked(text|rsv1, bomb())), 1002, errViolation},
			})
		})
	}
}

// Row 35.
func badCompression(t *testing.T) {
	s := compressible(t, wsgate.Limits{MessageTime: short})
	// Stored blocks of nothing: a stream that is long and yields nothing.
	nothing := bytes.Repeat([]byte("\x00\x00\x00\xff\xff"), 100_000)
	noise := make([]byte, 10_000)
	rnd := rand.New(rand.NewPCG(35, 1))
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	good := deflate(bytes.Repeat([]byte("hello, world; "), 50))
	offences := []offence{
		{"bomb", segments(masked(text|rsv1, bomb())), 1009, wsgate.ErrLimit},
		{"bomb in fragments", segments(compressedFragments(bomb(), 1000)), 1009, wsgate.ErrLimit},
		{"1 over the limit", segments(masked(bin|rsv1, deflate(make([]byte, 64<<10+1)))), 1009, wsgate.ErrLimit},
		{"stream of nothing", segments(header(text|rsv1, uint64(len(nothing)), 0), mask(nothing)), 1009, wsgate.ErrLimit},
		{"stream of nothing in fragments", segments(compressedFragments(nothing, 1000)), 1009, wsgate.ErrLimit},
		{"2^63-1 bytes", segments(header(text|rsv1, 1<<63-1, 0)), 1009, wsgate.ErrLimit},
		{"2^63 bytes", segments(header(text|rsv1, 1<<63, 0)), 1002, errViolation},
		{"corrupt", segments(masked(text|rsv1, []byte("\xff\xff\xff\xff"))), 1007, errViolation},
		{"noise", segments(masked(text|rsv1, noise)), 1007, errViolation},
		{"reserved block type", segments(masked(text|rsv1, []byte{0x06, 1, 2, 3})), 1007, errViolation},
		{"wrong length of a stored block", segments(masked(text|rsv1, []byte("\x00\x05\x00\x00\x00hello"))), 1007, errViolation},
		{"distance before the start", segments(masked(text|rsv1, []byte{0x02, 0x7e, 0x00, 0x00})), 1007, errViolation},
		{"text that is not UTF-8", segments(masked(text|rsv1, deflate([]byte("\xff\xfe")))), 1007, errViolation},
		{"second fragment with the bit", segments(masked(begins|rsv1, deflate(hello)), masked(last|rsv1, nil)), 1002, errViolation},
		{"ping with the bit", segments(masked(ping|rsv1, nil)), 1002, errViolation},
		{"other reserved bit", segments(masked(text|rsv1|rsv2, deflate(hello))), 1002, errViolation},
	}
	for _, cut := range []int{1, 2, len(good) / 2, len(good) - 1} {
		offences = append(offences, offence{fmt.Sprintf("cut after %d of %d bytes", cut, len(good)), segments(masked(bin|rsv1, good[:cut])), 1007, errViolation})
	}
	for _, o := range offences {
		t.Run(o.name, func(t *testing.T) {
			c := s.deflating(t)
			wait := c.flood(bytes.Join(o.send, nil), 1)
			c.ends(o.code, o.cause)
			wait()
		})
	}
	t.Run("nothing, and no end of it", func(t *testing.T) {
		t.Parallel()
		c := s.deflating(t)
		c.put(masked(begins|rsv1, nil))
		wait := c.dribbleFrames(short/20, masked(more, nothing[:50]))
		c.endsAfter(short, 1013, wsgate.ErrLimit)
		wait()
	})
}

// Row 62, compressed: a message that a FIN has cut is nobody's, however much of it could be decompressed.
func halfCloseInsideCompressedMessage(t *testing.T) {
	s := compressible(t, wsgate.Limits{})
	stored := []byte("\x00\x05\x00\xfa\xffhello") // a stored block can be read as far as it came
	for name, send := range map[string][]byte{
		"in the payload":    masked(text|rsv1, append(stored, stored...))[:2+4+len(stored)],
		"between fragments": masked(begins|rsv1, stored),
	} {
		t.Run(name, func(t *testing.T) {
			c := s.deflating(t)
			c.put(send)
			c.tcp.CloseWrite()
			if e := c.last(late); e.open || len(e.frames) > 0 {
				t.Errorf("open is %v, got %v", e.open, e.frames)
			}
			c.closedWith(errLost)
		})
	}
}

// compressedFragments returns a compressed text message in frames of the given size.
func compressedFragments(payload []byte, size int) []byte {
	all := fragments(payload, size)
	all[0] |= rsv1
	return all
}

// Row 35: what is odd and allowed.
func goodCompression(t *testing.T) {
	s := compressible(t, wsgate.Limits{MessageFrames: 100_000, Message: 64 << 10})
	c := s.deflating(t)
	for _, size := range []int{0, 1, 100, 1000, 64 << 10} {
		payload := bytes.Repeat([]byte("x"), size)
		small := deflate(payload)
		c.put(masked(text|rsv1, small))
		c.hearsText(payload)
		c.put(masked(text, payload)) // not every message has to be compressed
		c.hearsText(payload)
		c.put(compressedFragments(small, 1))
		c.hearsText(payload)
	}
	c.put(masked(text|rsv1, []byte{0})) // the empty message as RFC 7692 section 7.2.3.6 has it
	c.hearsText(nil)
	c.put(masked(text|rsv1, nil))
	c.hearsText(nil)
	c.put(masked(text|rsv1, append(bytes.Repeat([]byte("\x00\x00\x00\xff\xff"), 1000), 0))) // nothing, within the limits
	c.hearsText(nil)
	c.put(masked(begins|rsv1, nil), masked(ping, hello), masked(last, deflate(hello)))
	c.hears(wire.Frame{First: pong, Payload: hello})
	c.hearsText(hello)
	c.put(closeFrame(1000, ""))
	c.ends(1000, nil)
}

// Row 35: a client that keeps its context, although the server has told it to do without, is understood once.
func keptContext(t *testing.T) {
	said := []byte("hello, the same as before; ")
	alone, kept := deflate(said), deflateAll(said, said)
	if !bytes.Equal(kept[0], alone) || len(kept[1]) >= len(alone) {
		t.Fatalf("with its context the second message has %d bytes, alone %d", len(kept[1]), len(alone))
	}
	c := compressible(t, wsgate.Limits{}).deflating(t)
	for range 2 {
		c.put(masked(text|rsv1, alone))
		c.hearsText(said)
	}
	c.put(masked(text|rsv1, kept[1]))
	if e := c.ends(1007, errViolation); e.reason != "corrupt compressed data" || len(e.frames) > 0 {
		t.Errorf("got %q after %v", e.reason, e.frames)
	}
}

// Row 35: no compressed message has no bytes at all. It is taken for an empty one or for a corrupt one.
func compressedNothing(t *testing.T) {
	s := compressible(t, wsgate.Limits{})
	for name, send := range map[string][]byte{
		"one frame":     masked(text|rsv1, nil),
		"two fragments": append(masked(begins|rsv1, nil), masked(last, nil)...),
	} {
		t.Run(name, func(t *testing.T) {
			c := s.deflating(t)
			c.put(send, closeFrame(1000, ""))
			e := c.last(late)
			if e.code == 1000 && len(e.frames) == 1 && len(c.inflate(e.frames[0])) == 0 && !e.open {
				c.closedWith(nil)
			} else if e.code != 1007 || len(e.frames) > 0 || e.open {
				t.Errorf("got close code %d, frames %v, open is %v", e.code, e.frames, e.open)
			}
		})
	}
}

// Row 35: many bombs at once.
func manyBombs(t *testing.T) {
	s := compressible(t, wsgate.Limits{})
	t.Run("all", func(t *testing.T) {
		var all []*client
		for range 50 {
			c := s.deflating(t)
			c.put(masked(text|rsv1, bomb()))
			all = append(all, c)
		}
		for _, c := range all {
			c.ends(1009, wsgate.ErrLimit)
		}
	})
}

// Row 10, with compression: an offer is taken or not, and the answer is one of ours.
func compressionOffers(t *testing.T) {
	s := compressible(t, wsgate.Limits{})
	const ours = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
	for _, tc := range []struct{ name, offer, want string }{
		{"plain", "permessage-deflate", ours},
		{"as browsers do", "permessage-deflate; client_max_window_bits", ours},
		{"twice", "permessage-deflate, permessage-deflate", ours},
		{"behind another", "x-webkit-deflate-frame, permessage-deflate", ours},
		{"unknown parameter", "permessage-deflate; foo=1", ""},
		{"unknown parameter, then plain", "permessage-deflate; foo, permessage-deflate", ours},
		{"small server window", "permessage-deflate; server_max_window_bits=9", ""},
		{"client window of 7 bits", "permessage-deflate; client_max_window_bits=7", ""},
		{"client window of 16 bits", "permessage-deflate; client_max_window_bits=16", ""},
		{"client window of nonsense", "permessage-deflate; client_max_window_bits=x", ""},
		{"parameter twice", "permessage-deflate; client_no_context_takeover; client_no_context_takeover", ""},
		{"parameter with a value it has not", "permessage-deflate; client_no_context_takeover=1", ""},
		{"50 parameters", "permessage-deflate" + strings.Repeat("; a", 50), ""},
		{"50 offers", strings.Repeat("permessage-deflate; a,", 10) + strings.Repeat("x,", 30), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := s.dial(t)
			begun := time.Now()
			c.put(s.upgrade(c.target(), "Sec-WebSocket-Extensions: "+tc.offer))
			resp := c.response()
			if got := strings.Join(resp.Header.Values("Sec-Websocket-Extensions"), "|"); resp.StatusCode != 101 || got != tc.want {
				t.Errorf("got %s with %q, want 101 with %q", resp.Status, got, tc.want)
			}
			if took := time.Since(begun); took > late/4 {
				t.Errorf("the handshake took %v", took)
			}
			c.echoes()
		})
	}
}
