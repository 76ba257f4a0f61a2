package wire

// A payload is the same JSON object in every workload and for every contender:
// servers that relay bytes need not look into it, servers that speak JSON can.
//
//	{"type":"msg","text":"0000002axxxxxxxx"}
//
// The text begins with a sequence number, so the receiver can tell a lost,
// a doubled and an overtaken message from a good one.
const (
	payloadHead = `{"type":"msg","text":"`
	payloadTail = `"}`
	digits      = 8

	// SequenceOffset is where the sequence number begins in a payload.
	SequenceOffset = len(payloadHead)
	// MinPayload is the shortest payload there can be.
	MinPayload = len(payloadHead) + digits + len(payloadTail)
)

// NewPayload makes a payload of size bytes, MinPayload at least, with sequence
// number 0.
func NewPayload(size int) []byte {
	size = max(size, MinPayload)
	b := make([]byte, 0, size)
	b = append(b, payloadHead...)
	for range digits {
		b = append(b, '0')
	}
	for len(b) < size-len(payloadTail) {
		b = append(b, 'x')
	}
	return append(b, payloadTail...)
}

// FormatSequence writes n as it stands in a payload.
func FormatSequence(n uint32) (out [digits]byte) {
	for i := digits - 1; i >= 0; i-- {
		out[i] = "0123456789abcdef"[n&0xf]
		n >>= 4
	}
	return out
}

// Sequence reads the number back from a payload. A payload that is not one of
// ours yields ok false.
func Sequence(payload []byte) (n uint32, ok bool) {
	if len(payload) < MinPayload {
		return 0, false
	}
	for _, c := range payload[SequenceOffset : SequenceOffset+digits] {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | uint32(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | uint32(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}
