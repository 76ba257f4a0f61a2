package abuse

import "encoding/binary"

// First bytes of frames.
const (
	fin  = 0x80
	rsv1 = 0x40
	rsv2 = 0x20
	rsv3 = 0x10

	more     = 0x00      // a part of a message in the middle
	last     = fin       // the last part
	begins   = 0x01      // the first part of a text
	text     = fin | 0x1 // a whole text
	bin      = fin | 0x2 // a whole binary message
	closing  = fin | 0x8
	ping     = fin | 0x9
	pong     = fin | 0xa
	maskFlag = 0x80
)

const maskKey = "\x37\xfa\x21\x3d"

// header returns a masked frame's header that announces n bytes in the shortest form, or in the longer one with 2 or 8
// bytes.
func header(first byte, n uint64, form int) []byte {
	h := []byte{first}
	switch {
	case form < 2 && n < 126:
		h = append(h, maskFlag|byte(n))
	case form <= 2 && n < 1<<16:
		h = binary.BigEndian.AppendUint16(append(h, maskFlag|126), uint16(n))
	default:
		h = binary.BigEndian.AppendUint64(append(h, maskFlag|127), n)
	}
	return append(h, maskKey...)
}

// masked returns a whole frame.
func masked(first byte, payload []byte) []byte { return maskedAs(first, payload, 0) }

// maskedAs returns a whole frame with a length in the given form.
func maskedAs(first byte, payload []byte, form int) []byte {
	f := header(first, uint64(len(payload)), form)
	return append(f, mask(payload)...)
}

// mask returns the payload as it stands on the wire.
func mask(payload []byte) []byte {
	out := make([]byte, len(payload))
	for i, b := range payload {
		out[i] = b ^ maskKey[i%4]
	}
	return out
}

// unmasked returns a short frame as only a server may send it.
func unmasked(first byte, payload string) []byte {
	return append([]byte{first, byte(len(payload))}, payload...)
}

// closeFrame returns a close frame with a code and a reason.
func closeFrame(code uint16, reason string) []byte {
	return masked(closing, append(binary.BigEndian.AppendUint16(nil, code), reason...))
}
