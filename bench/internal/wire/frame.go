package wire

import "encoding/binary"

// Opcodes of the frames that a load generator meets.
const (
	OpMore   = 0 // continues the message before it
	OpText   = 1
	OpBinary = 2
	OpClose  = 8
	OpPing   = 9
	OpPong   = 10
)

// maskKey masks every client frame. The protocol asks for an unpredictable key
// so that proxies cannot be fooled; there is none between two ends of a
// loopback connection, and a constant one lets a frame be built once. It is not
// zero, so a server cannot skip the unmasking.
var maskKey = [4]byte{0x5a, 0x3c, 0x96, 0xe1}

// ClientFrame is one masked frame, ready to be written as often as wanted.
type ClientFrame struct {
	Bytes  []byte
	header int // length of the header including the mask
}

// NewClientFrame masks payload into a final frame.
func NewClientFrame(opcode byte, payload []byte) ClientFrame {
	b := []byte{0x80 | opcode}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = append(b, 0x80|126)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b = append(b, 0x80|127)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = append(b, maskKey[:]...)
	header := len(b)
	for i, c := range payload {
		b = append(b, c^maskKey[i&3])
	}
	return ClientFrame{b, header}
}

// Overwrite replaces the payload's bytes from offset on.
func (f ClientFrame) Overwrite(offset int, with []byte) {
	for i, c := range with {
		at := offset + i
		f.Bytes[f.header+at] = c ^ maskKey[at&3]
	}
}

// Frame is one frame of a server.
type Frame struct {
	Opcode  byte
	Final   bool // nothing of its message follows
	Payload []byte
}

// NextFrame splits the first whole frame off b. With ok false b holds only a
// part of it, and nothing was consumed.
func NextFrame(b []byte) (f Frame, rest []byte, ok bool) {
	if len(b) < 2 {
		return f, b, false
	}
	header, size := 2, int(b[1]&0x7f)
	switch size {
	case 126:
		header = 4
		if len(b) < header {
			return f, b, false
		}
		size = int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		header = 10
		if len(b) < header {
			return f, b, false
		}
		size = int(binary.BigEndian.Uint64(b[2:]))
	}
	if size < 0 || len(b)-header < size {
		return f, b, false
	}
	end := header + size
	return Frame{b[0] & 0x0f, b[0]&0x80 != 0, b[header:end:end]}, b[end:], true
}
