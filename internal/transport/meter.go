package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/rate"
)

// A violation ends a connection with a close code.
type violation struct {
	code   websocket.StatusCode
	reason string
	cause  error
}

func (v *violation) Error() string { return v.reason }
func (v *violation) Unwrap() error { return v.cause }

// ErrProtocol is the cause of closures because of violations of RFC 6455.
var ErrProtocol = errors.New("wsgate: protocol violation")

func tooLong(l *Limits) *violation {
	return &violation{1009, fmt.Sprintf("message over %d bytes", l.Message), fmt.Errorf("%w: a message over %d bytes", ErrLimit, l.Message)}
}

// meter parses the frame headers in a client's byte stream (RFC 6455 section 5.2) and enforces what coder/websocket
// does not: bytes and frames per message, control frames per second, lengths, masking.
type meter struct {
	limits *Limits

	header [14]byte // of the current frame
	have   int      // bytes of it seen
	skip   uint64   // payload bytes of the current frame still to come

	deflate bool   // permessage-deflate was negotiated
	packed  []bool // whether each message that has begun and was not read is compressed

	open       bool   // a message has begun and the header of its last frame was not seen
	compressed bool   // the message is compressed
	begun      bool   // a message began in the bytes added last
	frames     int    // in the message
	wire       int    // header bytes in the message
	payload    uint64 // payload bytes announced for it

	rates *rates
	now   int64 // when the bytes added last arrived; 0 until a limit asks

	closed bool // a close frame has begun
}

// shortHeader is the size of a masked frame's header with a length of one byte.
const shortHeader = 6

// inMessage reports whether a message or frame is unfinished.
func (m *meter) inMessage() bool { return m.have > 0 || m.skip > 0 || m.open }

// add processes b. It returns how many bytes are valid, and the violation that follows them.
//
// It clears RSV1 on a compressed message, so that coder/websocket returns the compressed payload: its own inflate would
// accept a truncated stream as complete.
func (m *meter) add(b []byte) (int, error) {
	begin := 0 // of the current header
	for i := 0; i < len(b); {
		if m.skip > 0 {
			n := min(m.skip, uint64(len(b)-i))
			m.skip -= n
			i += int(n)
			continue
		}
		if m.have == 0 {
			begin = i
			m.unpack(b, i)
			m.begun = m.begun || !m.open
			if len(b)-i >= shortHeader && b[i+1] >= maskBit && b[i+1] < maskBit+126 {
				// Nearly every header is whole, masked and short. Taking its bytes one by one takes more than twice as long.
				m.have = copy(m.header[:shortHeader-1], b[i:])
				i += m.have
			}
		}
		m.header[m.have] = b[i]
		m.have++
		i++
		if m.have >= 2 && m.have == m.headerLen() {
			m.have = 0
			if err := m.frame(); err != nil && !m.onlyFollows() {
				m.follow(b[i:])
				return begin, err
			}
		}
	}
	return len(b), nil
}

// unpack records whether the frame at i starts a compressed message, and clears its RSV1.
func (m *meter) unpack(b []byte, i int) {
	op := b[i] & opcodeMask
	if m.deflate && !m.open && (op == opText || op == opBinary) {
		m.compressed = b[i]&rsv1Bit != 0
		m.packed = append(m.packed, m.compressed)
		b[i] &^= rsv1Bit
	}
}

// nextPacked reports whether the next message to be read is compressed.
func (m *meter) nextPacked() bool { return len(m.packed) > 0 && m.packed[0] }

// takePacked does the same and advances to the following message.
func (m *meter) takePacked() bool {
	packed := m.nextPacked()
	if len(m.packed) > 0 {
		m.packed = m.packed[1:]
	}
	if len(m.packed) == 0 {
		m.packed = nil
	}
	return packed
}

const (
	finBit  = 0x80
	rsv1Bit = 0x40
	maskBit = 0x80
)

func (m *meter) headerLen() int {
	n := 2
	switch m.header[1] &^ maskBit {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if m.header[1]&maskBit != 0 {
		n += 4
	}
	return n
}

// follow follows b, of which nothing is taken any more, to know where messages end.
func (m *meter) follow(b []byte) {
	m.limits, m.deflate = &boundless, false
	_, _ = m.add(b)
}

func (m *meter) onlyFollows() bool { return m.limits == &boundless }

var boundless = Limits{Message: math.MaxInt, Wire: math.MaxInt, Frames: math.MaxInt}

// frame checks a complete header.
func (m *meter) frame() error {
	m.skip = uint64(m.header[1] &^ maskBit)
	switch m.skip {
	case 126:
		m.skip = uint64(binary.BigEndian.Uint16(m.header[2:]))
	case 127:
		m.skip = binary.BigEndian.Uint64(m.header[2:])
	}
	if m.skip>>63 != 0 {
		m.skip = 0
		return &violation{1002, "frame length over 2^63", ErrProtocol}
	}
	if m.header[1]&maskBit == 0 {
		return &violation{1002, "unmasked frame", ErrProtocol}
	}
	if op := m.header[0] & opcodeMask; op >= opClose {
		m.closed = m.closed || op == opClose
		return m.control()
	}
	return m.data()
}

// rates is how fast a connection's client sends. It outlasts the meter.
type rates struct {
	control  rate.Bucket // control frames
	messages rate.Bucket // messages and control frames
}

// arrived returns when the bytes added last arrived.
func (m *meter) arrived() int64 {
	if m.now == 0 {
		m.now = rate.Now()
	}
	return m.now
}

// message counts a message or control frame. If it is too much for the rate, it returns how long to wait. A long message
// counts more than once: a client that sends long ones must not take more from the others than one that sends many.
func (m *meter) message(size int) (wait time.Duration) {
	if m.limits.Rate == (rate.Limit{}) {
		return 0
	}
	return m.rates.messages.Add(m.limits.Rate, 1+max(0, size-1)/inputSize, m.arrived())
}

// control counts a control frame.
func (m *meter) control() error {
	m.message(0)
	if m.rates.control.Add(m.limits.ControlRate, 1, m.arrived()) > 0 {
		return &violation{1008, "too many control frames", fmt.Errorf("%w: too many control frames per second", ErrLimit)}
	}
	return nil
}

// data adds a data frame to its message's counts.
func (m *meter) data() error {
	if !m.open {
		m.frames, m.wire, m.payload = 0, 0, 0
		m.compressed = m.compressed && m.deflate
	}
	m.open = m.header[0]&finBit == 0
	if m.header[0]&rsv1Bit != 0 {
		return nil // coder/websocket refuses it
	}
	m.frames++
	m.wire += m.headerLen()
	m.payload += m.skip
	switch {
	case !m.compressed && m.payload > uint64(m.limits.Message):
		return tooLong(m.limits)
	case m.frames > m.limits.Frames:
		return &violation{1008, "message in too many frames", fmt.Errorf("%w: a message in more than %d frames", ErrLimit, m.limits.Frames)}
	case m.payload+uint64(m.wire) > uint64(m.limits.Wire):
		return &violation{websocket.StatusMessageTooBig, "message too long on the wire", fmt.Errorf("%w: a message of more than %d bytes on the wire", ErrLimit, m.limits.Wire)}
	}
	return nil
}
