package transport

import (
	"encoding/binary"
	"errors"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
)

// errNotPlain means that coder/websocket has to read the next message.
var errNotPlain = errors.New("wsgate: not a plain frame")

// readPlain returns the next message if it is buffered completely as one unfragmented, masked and uncompressed frame.
// It handles control frames in front of it, if they are valid and complete. Nearly every frame qualifies and avoids a
// dozen calls through coder/websocket, which reads everything else. readPlain applies only while coder/websocket's buffer
// is empty.
func (c *Conn) readPlain() (websocket.MessageType, []byte, error) {
	for {
		if c.parses() {
			return 0, nil, errNotPlain
		}
		if c.in.empty() && (c.sys != nil || c.drowsy()) {
			c.await(nil)
		}
		if c.park.due {
			return 0, nil, ErrParked
		}
		if c.in.empty() {
			return 0, nil, errNotPlain
		}
		held := c.in.buf[c.in.r:c.in.w]
		header, length := plainFrame(held)
		if header == 0 {
			return 0, nil, errNotPlain
		}
		if len(held) < header+length {
			// Give coder/websocket this frame and no byte of the next, so that its buffer is empty again afterwards.
			c.in.until = header + length
			return 0, nil, errNotPlain
		}
		opcode := held[0] & opcodeMask
		if opcode < opClose && c.in.meter.nextPacked() {
			return 0, nil, errNotPlain
		}
		if opcode == opPong {
			c.in.skip(header + length)
			continue
		}
		data := make([]byte, length)
		unmask(data, held[header:], held[header-4:header])
		switch opcode {
		case opClose:
			return 0, nil, c.receiveClose(data)
		case opPing:
			c.in.skip(header + length)
			if err := c.pong(data); err != nil {
				return 0, nil, err
			}
		default:
			c.in.meter.takePacked()
			c.in.skip(header + length)
			return websocket.MessageType(opcode), data, nil
		}
	}
}

// pong answers a ping.
func (c *Conn) pong(payload []byte) error {
	return c.sendControl(append(frame.Frame{finBit | opPong, byte(len(payload))}, payload...))
}

// sendControl queues a control frame that is no close frame.
func (c *Conn) sendControl(f frame.Frame) error {
	if err := c.send(frame.Shared{Frame: f}); err != nil && !errors.Is(err, ErrClosed) { // a ping that crosses our close frame gets no pong
		return err
	}
	return nil
}

// receiveClose answers the peer's close frame if its payload is valid (RFC 6455 section 5.5.1).
func (c *Conn) receiveClose(payload []byte) error {
	closed := websocket.CloseError{Code: websocket.StatusNoStatusRcvd}
	if len(payload) >= 2 {
		closed.Code = websocket.StatusCode(binary.BigEndian.Uint16(payload))
		closed.Reason = string(payload[2:])
	}
	if len(payload) == 1 || len(payload) > 0 && !frame.Sendable(closed.Code) {
		return errNotPlain
	}
	c.closeFor(append(frame.Frame{finBit | opClose, byte(len(payload))}, payload...))
	c.in.release()
	return closed
}

// plainFrame returns the lengths of the header and the payload of the frame at the start of b, or 0 if b has no
// complete header of a frame for readPlain. The header has passed the meter.
func plainFrame(b []byte) (header, length int) {
	if len(b) < 6 {
		return 0, 0
	}
	length = int(b[1] &^ maskBit)
	switch b[0] {
	case finBit | opText, finBit | opBinary:
		if length == 126 && len(b) >= 8 {
			return 8, int(binary.BigEndian.Uint16(b[2:]))
		}
	case finBit | opClose, finBit | opPing, finBit | opPong:
	default:
		return 0, 0
	}
	if length > 125 {
		return 0, 0
	}
	return 6, length
}

// unmask fills dst from src and removes the mask (RFC 6455 section 5.3).
func unmask(dst, src, mask []byte) {
	key := uint64(binary.LittleEndian.Uint32(mask))
	key |= key << 32
	src = src[:len(dst)]
	for len(dst) >= 8 { // slicing leaves the compiler no bounds to check
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src)^key)
		dst, src = dst[8:], src[8:]
	}
	for i := range dst {
		dst[i] = src[i] ^ byte(key>>(8*i))
	}
}
