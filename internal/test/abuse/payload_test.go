package abuse

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// Row 27: every text is UTF-8, also one that is split inside a character.
func notUTF8(t *testing.T) {
	s := start(t, setup{})
	t.Run("valid", func(t *testing.T) {
		c := s.connect(t)
		for _, valid := range []string{
			"", "plain", "é", "κόσμε", "日本語", "🙂🙃", "\ufeffBOM",
			"\x00", "\u007f\u0080", "\u07ff\u0800", "\ud7ff\ue000", "\uffff", "\U00010000", "\U0010ffff",
		} {
			for split := range len(valid) + 1 {
				c.put(masked(begins, []byte(valid[:split])), masked(last, []byte(valid[split:])))
				c.hears(wire.Frame{First: text, Payload: []byte(valid)})
			}
		}
	})
	for name, bad := range map[string]string{
		"lone continuation":            "\x80",
		"text and a lone continuation": "ok \xbf",
		"truncated, 2 bytes":           "é"[:1],
		"truncated, 3 bytes":           "日"[:2],
		"truncated, 4 bytes":           "🙂"[:3],
		"truncated in the middle":      "🙂"[:3] + "!",
		"overlong slash, 2 bytes":      "\xc0\xaf",
		"overlong slash, 3 bytes":      "\xe0\x80\xaf",
		"overlong slash, 4 bytes":      "\xf0\x80\x80\xaf",
		"overlong NUL":                 "\xc0\x80",
		"overlong U+07FF":              "\xe0\x9f\xbf",
		"overlong U+FFFF":              "\xf0\x8f\xbf\xbf",
		"high surrogate":               "\xed\xa0\x80",
		"low surrogate":                "\xed\xbf\xbf",
		"pair of surrogates":           "\xed\xa0\x80\xed\xb0\x80",
		"above U+10FFFF":               "\xf4\x90\x80\x80",
		"5 bytes":                      "\xf8\x88\x80\x80\x80",
		"6 bytes":                      "\xfc\x84\x80\x80\x80\x80",
		"FE":                           "\xfe",
		"FF":                           "κόσμε\xff",
	} {
		t.Run(name, func(t *testing.T) {
			for split := range len(bad) + 1 {
				c := s.connect(t)
				if split == 0 {
					c.put(masked(text, []byte(bad)))
				} else {
					c.put(masked(begins, []byte(bad[:split])), masked(last, []byte(bad[split:])))
				}
				if c.ends(1007, errViolation); t.Failed() {
					break
				}
			}
		})
	}
	t.Run("binary may be anything", func(t *testing.T) {
		c := s.connect(t)
		c.put(masked(bin, []byte("\xff\xfe\xc0")))
		c.hears(wire.Frame{First: bin, Payload: []byte("\xff\xfe\xc0")})
	})
}

// Row 34: a message of the type that a gateway does not take is answered, and the connection lives.
func unexpectedTypes(t *testing.T) {
	events, pushes := &speaker{}, &pusher{}
	s := start(t, setup{routes: []wsgate.Route{
		{Path: "/events", New: func() *speaker { return events }},
		{Path: "/pushes", New: func() *pusher { return pushes }},
	}})
	const unsupported = `{"type":"error","code":"unsupported"`
	for _, tc := range []struct {
		path  string
		first byte
		want  string
	}{
		{"/events", bin, unsupported},
		{"/events", text, `{"type":"error","code":"malformed"`},
		{"/pushes", bin, unsupported},
		{"/pushes", text, unsupported},
	} {
		t.Run(fmt.Sprintf("%s %x", tc.path, tc.first), func(t *testing.T) {
			c := s.dial(t)
			c.put(s.upgrade(tc.path))
			c.upgraded()
			for range 3 {
				c.put(masked(tc.first, []byte("\x01\x02")))
				c.SetReadDeadline(time.Now().Add(patience))
				if f, err := wire.ReadFrame(c.in); err != nil || f.First != text || !strings.HasPrefix(string(f.Payload), tc.want) {
					t.Errorf("got %v, %v, want %s", f, err, tc.want)
				}
			}
			c.put(closeFrame(1000, ""))
			if e := c.last(late); e.code != 1000 || e.open {
				t.Errorf("got close code %d, open is %v", e.code, e.open)
			}
		})
	}
}

// speaker is a gateway that speaks events, pusher one that takes nothing.
type (
	speaker struct{}
	pusher  struct{}
)

func (*speaker) Events() wsgate.Events[guest] { return wsgate.Events[guest]{} }

func (*pusher) OnOpen(context.Context, *conn) error { return nil }

// A session in which everything occurs, and what the server says to it.
func session(s *server, c *client) (said []byte, want []wire.Frame) {
	binary := bytes.Repeat([]byte{1, 2, 3}, 50)
	said = bytes.Join([][]byte{
		s.upgrade(c.target()),
		masked(text, hello),
		masked(begins, []byte("wörl")[:2]),
		masked(ping, []byte("p")),
		masked(more, nil),
		masked(last, []byte("wörl")[2:]),
		masked(pong, nil),
		masked(bin, binary),
		closeFrame(1000, "bye"),
	}, nil)
	return said, []wire.Frame{
		{First: text, Payload: hello},
		{First: pong, Payload: []byte("p")},
		{First: text, Payload: []byte("wörl")},
		{First: bin, Payload: binary},
		{First: closing, Payload: []byte("\x03\xe8bye")},
	}
}

// Row 32.
func oneByteSegments(t *testing.T) {
	s := start(t, setup{})
	c := s.dial(t) // package net sets TCP_NODELAY: each write is a segment
	said, want := session(s, c)
	for i := range said {
		c.put(said[i : i+1])
		if i%20 == 0 {
			c.idle(time.Millisecond)
		}
	}
	c.upgraded()
	c.hears(want...)
	c.ends(noFrame, nil)
}

// Row 33: it makes no difference where the stream is split.
func everySplit(t *testing.T) {
	s := start(t, setup{})
	said, _ := session(s, s.dial(t))
	head := bytes.Index(said, []byte("\r\n\r\n"))
	var wg sync.WaitGroup
	turns := make(chan struct{}, 4)
	for at := 1; at < len(said); at++ {
		if at < head && at%7 != 0 { // the handshake is net/http's
			continue
		}
		turns <- struct{}{}
		c := s.dial(t)
		wg.Go(func() {
			defer func() { <-turns }()
			said, want := session(s, c)
			c.put(said[:at])
			c.idle(time.Millisecond)
			c.put(said[at:])
			c.upgraded()
			c.hears(want...)
			c.ends(noFrame, nil)
		})
	}
	wg.Wait()
}

// Row 37: random bytes and damaged sessions end within the limits, however they go on.
func randomBytes(t *testing.T) {
	const clients = 150
	s := start(t, setup{
		limits: wsgate.Limits{MessageTime: short, Ping: short, Pong: short, Close: short},
		hooks:  hooks{message: func(_ context.Context, c *conn, m wsgate.Message) error { return c.Send(m) }},
	})
	rnd := rand.New(rand.NewPCG(37, 1))
	t.Run("all", func(t *testing.T) {
		var wg sync.WaitGroup
		turns := make(chan struct{}, 25)
		for i := range clients {
			c := s.connect(t)
			send := make([]byte, 1+rnd.IntN(4000))
			for j := range send {
				send[j] = byte(rnd.Uint32())
			}
			if i%2 == 0 {
				said, _ := session(s, c)
				send = damage(rnd, said[bytes.Index(said, []byte("\r\n\r\n"))+4:])
			}
			turns <- struct{}{}
			wg.Go(func() {
				defer func() { <-turns }()
				c.try(send)
				e := c.last(ratio * 3 * short)
				if e.open {
					t.Errorf("client %d: open after %v, sent %x", i, e.took, send[:min(len(send), 300)])
					c.Close()
				}
				switch e.code {
				case noFrame, 1000, 1002, 1007, 1008, 1009, 1013, websocket.StatusNoStatusRcvd:
				default:
					if e.code < 3000 {
						t.Errorf("client %d: close code %d %q, sent %x", i, e.code, e.reason, send[:min(len(send), 300)])
					}
				}
				c.closedWith(errAny)
			})
		}
		wg.Wait()
	})
}

// damage changes, drops, doubles or cuts a few of the bytes.
func damage(rnd *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + rnd.IntN(3) {
		if len(b) == 0 {
			break
		}
		at := rnd.IntN(len(b))
		switch rnd.IntN(4) {
		case 0:
			b[at] ^= 1 << rnd.IntN(8)
		case 1:
			b = append(b[:at], b[at+1:]...)
		case 2:
			b = append(b[:at], append([]byte{b[at]}, b[at:]...)...)
		default:
			b = b[:at]
		}
	}
	return b
}
