// Package wire makes and reads WebSocket frames (RFC 6455 section 5.2) byte by byte, for test clients that do what no
// library would.
package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// First bytes of frames.
const (
	Fin  = 0x80
	RSV1 = 0x40
	RSV2 = 0x20
	RSV3 = 0x10

	More    = 0x00      // a part of a message in the middle
	Last    = Fin       // the last part
	Begins  = 0x01      // the first part of a text
	BeginsB = 0x02      // the first part of a binary message
	Text    = Fin | 0x1 // a whole text
	Binary  = Fin | 0x2 // a whole binary message
	Closing = Fin | 0x8
	Ping    = Fin | 0x9
	Pong    = Fin | 0xa

	MaskFlag = 0x80 // in the second byte
)

const maskKey = "\x37\xfa\x21\x3d"

// Header returns a masked frame's header that announces n bytes in the shortest form, or in the longer one with 2 or 8
// bytes.
func Header(first byte, n uint64, form int) []byte {
	h := []byte{first}
	switch {
	case form < 2 && n < 126:
		h = append(h, MaskFlag|byte(n))
	case form <= 2 && n < 1<<16:
		h = binary.BigEndian.AppendUint16(append(h, MaskFlag|126), uint16(n))
	default:
		h = binary.BigEndian.AppendUint64(append(h, MaskFlag|127), n)
	}
	return append(h, maskKey...)
}

// Masked returns a client's whole frame.
func Masked(first byte, payload []byte) []byte { return MaskedAs(first, payload, 0) }

// MaskedAs returns a client's whole frame with a length in the given form.
func MaskedAs(first byte, payload []byte, form int) []byte {
	f := Header(first, uint64(len(payload)), form)
	return append(f, Mask(payload)...)
}

// Mask returns the payload as it stands on the wire.
func Mask(payload []byte) []byte {
	out := make([]byte, len(payload))
	for i, b := range payload {
		out[i] = b ^ maskKey[i%4]
	}
	return out
}

// Unmasked returns a short frame as only a server may send it.
func Unmasked(first byte, payload string) []byte {
	return append([]byte{first, byte(len(payload))}, payload...)
}

// Close returns a client's close frame with a code and a reason.
func Close(code uint16, reason string) []byte {
	return Masked(Closing, append(binary.BigEndian.AppendUint16(nil, code), reason...))
}

// Frame is a frame that a server sent.
type Frame struct {
	First   byte
	Payload []byte
}

func (f Frame) String() string { return fmt.Sprintf("%x %.60q", f.First, f.Payload) }

const mostPayload = 64 << 20

// ReadFrame reads a server's next frame. One that is masked, or longer than 64 MiB, is an error.
func ReadFrame(r io.Reader) (f Frame, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return f, err
	}
	f.First = head[0]
	masked := head[1]&MaskFlag != 0
	n := uint64(head[1] &^ MaskFlag)
	switch n {
	case 126:
		_, err = io.ReadFull(r, head[:2])
		n = uint64(binary.BigEndian.Uint16(head[:2]))
	case 127:
		_, err = io.ReadFull(r, head[:8])
		n = binary.BigEndian.Uint64(head[:8])
	}
	if err != nil {
		return f, err
	}
	if masked || n > mostPayload {
		return f, fmt.Errorf("the server sent a frame %x of %d bytes, masked: %v", f.First, n, masked)
	}
	f.Payload = make([]byte, n)
	_, err = io.ReadFull(r, f.Payload)
	return f, err
}

// Accept is the Sec-WebSocket-Accept that goes with the key that Handshake sends.
const Accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

// Handshake asks for an upgrade of "/" and returns the response, whatever it is, and the reader for the frames behind it.
// Each header is a line without its end.
func Handshake(conn net.Conn, headers ...string) (*bufio.Reader, *http.Response, error) {
	lines := append([]string{
		"GET / HTTP/1.1", "Host: " + conn.RemoteAddr().String(), "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}, headers...)
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		return nil, nil, err
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	return in, resp, err
}
