// Package frame encodes complete server frames (RFC 6455 section 5.2) that any number of connections may share.
package frame

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/text"
)

// A Frame is one whole, unmasked, unfragmented server frame: header and payload.
// It is immutable, so that every receiver of a broadcast can hold the same one.
type Frame []byte

const (
	finBit  = 0x80
	opClose = 0x8
	opPing  = 0x9
)

// MaxHeader is the maximum size of a server frame's header.
const MaxHeader = 10

// headerLen returns the size of the header in front of n bytes of payload.
func headerLen(n int) int {
	switch {
	case n < 126:
		return 2
	case n < 1<<16:
		return 4
	default:
		return MaxHeader
	}
}

// New returns a data frame with the given payload, which is copied.
func New(typ websocket.MessageType, payload []byte) Frame {
	n := len(payload)
	h := headerLen(n)
	f := make(Frame, h+n)
	f[0] = finBit | byte(typ)
	switch h {
	case 2:
		f[1] = byte(n)
	case 4:
		f[1] = 126
		binary.BigEndian.PutUint16(f[2:], uint16(n))
	default:
		f[1] = 127
		binary.BigEndian.PutUint64(f[2:], uint64(n))
	}
	copy(f[h:], payload)
	return f
}

// Close returns a close frame. A reason that does not fit into a control frame is cut on a rune boundary, and a code that
// must not be sent is sent as 1011.
func Close(code websocket.StatusCode, reason string) Frame {
	if !Sendable(code) {
		code = websocket.StatusInternalError
	}
	reason = CutReason(strings.ToValidUTF8(reason, "\uFFFD"))
	f := Frame{finBit | opClose, byte(2 + len(reason))}
	f = binary.BigEndian.AppendUint16(f, uint16(code))
	return append(f, reason...)
}

// Sendable reports whether a close frame may carry the code, see RFC 6455 section 7.4.
func Sendable(code websocket.StatusCode) bool {
	switch code {
	case 1004, websocket.StatusNoStatusRcvd, websocket.StatusAbnormalClosure:
		return false
	}
	return 1000 <= code && code <= 1014 || 3000 <= code && code <= 4999
}

// Ping is a ping frame without a payload.
var Ping = Frame{finBit | opPing, 0}

// maxReason is the part of a control frame's 125 bytes that is left for the reason.
const maxReason = 123

// CutReason truncates a close reason to 123 bytes, at a rune boundary.
func CutReason(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	end := maxReason
	for end > 0 && !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end]
}

// ValidData reports whether a data message may have that type and payload: text is UTF-8.
func ValidData(typ websocket.MessageType, payload []byte) bool {
	return typ == websocket.MessageBinary || typ == websocket.MessageText && text.Valid(payload)
}
