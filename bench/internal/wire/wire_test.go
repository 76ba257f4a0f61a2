package wire

import (
	"bytes"
	"testing"
)

// serverFrame is frame as a server would send it: unmasked.
func serverFrame(opcode byte, payload []byte) []byte {
	f := NewClientFrame(opcode, payload)
	head := bytes.Clone(f.Bytes[:f.header-len(maskKey)])
	head[1] &^= 0x80
	return append(head, payload...)
}

func TestNextFrameNeedsAWholeFrame(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 300, 65535, 65536} {
		payload := bytes.Repeat([]byte("x"), size)
		whole := serverFrame(OpText, payload)
		stream := append(bytes.Clone(whole), 0x81)
		for _, cut := range []int{0, 1, 2, 3, len(whole) / 2, len(whole) - 1} {
			if cut >= len(whole) {
				continue
			}
			if _, rest, ok := NextFrame(stream[:cut]); ok || len(rest) != cut {
				t.Errorf("size %d, first %d bytes: ok %v, %d bytes left", size, cut, ok, len(rest))
			}
		}
		f, rest, ok := NextFrame(stream)
		if !ok || f.Opcode != OpText || !f.Final || !bytes.Equal(f.Payload, payload) || len(rest) != 1 {
			t.Errorf("size %d: opcode %d, final %v, %d bytes, %d left, ok %v", size, f.Opcode, f.Final, len(f.Payload), len(rest), ok)
		}
	}
}

func TestSequenceSurvivesTheFrame(t *testing.T) {
	for name, d := range map[string]Dialect{"plain": Plain{}, "lines": Lines{}, "centrifuge": Centrifuge{}} {
		for _, room := range []bool{false, true} {
			r := d.Request(NewPayload(64), room)
			r.SetSequence(0xbeef)
			text := unmask(r.ClientFrame)
			n, ok := Sequence(text[r.payload:])
			if !ok || n != 0xbeef {
				t.Errorf("%s, room %v: %#x, %v in %s", name, room, n, ok, text)
			}
		}
	}
}

func unmask(f ClientFrame) []byte {
	text := bytes.Clone(f.Bytes[f.header:])
	for i := range text {
		text[i] ^= maskKey[i&3]
	}
	return text
}

func TestNextMessage(t *testing.T) {
	p := string(NewPayload(64))
	tests := []struct {
		dialect Dialect
		frame   string
		want    int
	}{
		{Plain{}, p, 1},
		{Lines{}, p + "\n" + p + "\n" + p, 3},
		{Centrifuge{}, `{"push":{"channel":"a","pub":{"data":` + p + `}}}`, 1},
		{Centrifuge{}, `{"id":2,"rpc":{"data":` + p + `}}` + "\n" + `{"id":2,"rpc":{"data":` + p + `}}`, 2},
		{Centrifuge{}, `{}`, 0},
		{Centrifuge{}, `{"id":1,"connect":{"client":"c","version":"","subs":{"a":{}},"ping":25,"pong":true}}`, 0},
	}
	for _, test := range tests {
		got := 0
		for rest := []byte(test.frame); len(rest) > 0; {
			var m []byte
			m, rest = test.dialect.Next(rest)
			if m == nil {
				continue
			}
			if string(m) != p {
				t.Errorf("%T: message %q in %q", test.dialect, m, test.frame)
			}
			got++
		}
		if got != test.want {
			t.Errorf("%T: %d messages in %q, want %d", test.dialect, got, test.frame, test.want)
		}
	}
}

func TestUpgradeResponse(t *testing.T) {
	good := "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + handshakeAccept + "\r\n\r\n"
	if _, done, err := UpgradeResponse([]byte(good[:20])); done || err != nil {
		t.Errorf("half an answer: done %v, %v", done, err)
	}
	if rest, done, err := UpgradeResponse([]byte(good + "ab")); !done || err != nil || string(rest) != "ab" {
		t.Errorf("good answer: rest %q, done %v, %v", rest, done, err)
	}
	if _, done, err := UpgradeResponse([]byte("HTTP/1.1 403 Forbidden\r\n\r\n")); !done || err == nil {
		t.Errorf("refusal: done %v, %v", done, err)
	}
}
