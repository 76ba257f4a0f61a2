package frame_test

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
)

// inflate returns the payload of a compressed frame, as a receiver finds it (RFC 7692 section 7.2.2).
func inflate(t *testing.T, f frame.Frame) string {
	t.Helper()
	body := f[2:]
	switch f[1] {
	case 126:
		body = f[4:]
	case 127:
		body = f[10:]
	}
	out, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(body), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	if err != nil {
		t.Errorf("inflating: %v", err)
	}
	return string(out)
}

func TestMessageIsDeflatedOnlyWhereItPays(t *testing.T) {
	noise := make([]byte, 4096)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		payload string
		smaller bool
	}{
		{"empty", "", false},
		{"short", strings.Repeat("x", 100), false},
		{"long", strings.Repeat("hello ", 1000), true},
		{"huge", strings.Repeat("hello ", 100_000), true},
		{"noise", string(noise), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			for typ, first := range map[websocket.MessageType]byte{websocket.MessageText: 0x81, websocket.MessageBinary: 0x82} {
				m := frame.NewMessage(typ, []byte(test.payload))
				plain := m.For(false)
				if !bytes.Equal(plain, frame.New(typ, []byte(test.payload))) {
					t.Errorf("%v: the plain frame is another", typ)
				}
				f := m.For(true)
				if !test.smaller {
					if !bytes.Equal(f, plain) {
						t.Errorf("%v: got another frame, of %d bytes", typ, len(f))
					}
					continue
				}
				if f[0] != first|0x40 || len(f) >= len(plain) {
					t.Errorf("%v: got first byte %#x and %d bytes, want %#x and less than %d", typ, f[0], len(f), first|0x40, len(plain))
				}
				if got := inflate(t, f); got != test.payload {
					t.Errorf("%v: inflated to %d bytes, want %d", typ, len(got), len(test.payload))
				}
			}
		})
	}
}

func TestMessageIsDeflatedOnce(t *testing.T) {
	m := frame.NewMessage(websocket.MessageText, []byte(strings.Repeat("hello ", 1000)))
	var wg sync.WaitGroup
	frames := make([]frame.Frame, 20)
	for i := range frames {
		wg.Go(func() { frames[i] = m.For(true) })
	}
	wg.Wait()
	for _, f := range frames {
		if &f[0] != &frames[0][0] {
			t.Fatal("two receivers got frames of their own")
		}
	}
}
