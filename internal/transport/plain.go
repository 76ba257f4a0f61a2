package transport

import (
	"encoding/binary"

	"github.com/coder/websocket"
)

// readPlain takes the next message from the held input if it is all there in one ordinary frame: masked, not
// compressed, no control frame. Nearly every message is, and this spares it a dozen calls through coder/websocket,
// which reads everything else. It may do so only while coder/websocket has nothing in its buffer.
func (c *Conn) readPlain() (typ websocket.MessageType, data []byte, ok bool) {
	if c.parsed.Buffered() > 0 {
		return 0, nil, false
	}
	if c.in.empty() && c.sys != nil {
		c.await(nil)
	}
	if c.in.empty() {
		return 0, nil, false
	}
	held := c.in.buf[c.in.r:c.in.w]
	header, length := plainFrame(held)
	if header == 0 || c.in.meter.nextPacked() {
		return 0, nil, false
	}
	if len(held) < header+length {
		// coder/websocket gets this frame and no byte of the next one, so that its buffer is empty again afterwards.
		c.in.until = header + length
		return 0, nil, false
	}
	typ = websocket.MessageType(held[0] & opcodeMask)
	data = make([]byte, length)
	unmask(data, held[header:], held[header-4:header])
	c.in.meter.takePacked()
	c.in.skip(header + length)
	return typ, data, true
}

// plainFrame returns the lengths of the header and of the payload of the frame that b begins with, and 0 if b does not
// have the whole header of an ordinary one. The header has passed the meter.
func plainFrame(b []byte) (header, length int) {
	if len(b) < 6 || b[0] != finBit|opText && b[0] != finBit|opBinary {
		return 0, 0
	}
	switch length = int(b[1] &^ maskBit); {
	case length < 126:
		return 6, length
	case length == 126 && len(b) >= 8:
		return 8, int(binary.BigEndian.Uint16(b[2:]))
	}
	return 0, 0
}

// unmask copies to dst what src has for it, without the mask (RFC 6455 section 5.3).
func unmask(dst, src, mask []byte) {
	key := uint64(binary.LittleEndian.Uint32(mask))
	key |= key << 32
	i := 0
	for ; i+8 <= len(dst); i += 8 {
		binary.LittleEndian.PutUint64(dst[i:], binary.LittleEndian.Uint64(src[i:])^key)
	}
	for ; i < len(dst); i++ {
		dst[i] = src[i] ^ mask[i%4]
	}
}
