package frame

import (
	"bytes"
	"compress/flate"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"
)

// Message is one data message for any number of connections: uncompressed, and compressed for those that negotiated
// permessage-deflate (RFC 7692). Without context takeover, all of them get the same bytes. It is compressed once, on
// first use.
type Message struct {
	plain    Frame
	deflate  sync.Once
	deflated Frame

	plainHeld, deflatedHeld atomic.Int32
}

// Shared is a frame that several queues may hold. Held is the number of queues that count it in the backlog; it is nil
// for a frame that only one queue can hold.
type Shared struct {
	Frame
	Held *atomic.Int32
}

// NewMessage returns the message with the given payload, which is copied.
func NewMessage(typ websocket.MessageType, payload []byte) *Message {
	return &Message{plain: New(typ, payload)}
}

// For returns the frame for a connection.
func (m *Message) For(deflate bool) Frame { return m.Shared(deflate).Frame }

// Shared returns the frame for the queue of a connection.
func (m *Message) Shared(deflate bool) Shared {
	if !deflate || len(m.plain) < deflateFrom {
		return Shared{m.plain, &m.plainHeld}
	}
	m.deflate.Do(func() { m.deflated = m.plain.deflated() })
	return Shared{m.deflated, &m.deflatedHeld}
}

// Type returns the message's type.
func (m *Message) Type() websocket.MessageType { return websocket.MessageType(m.plain[0] &^ finBit) }

// Payload returns the message's payload, which must not be changed.
func (m *Message) Payload() []byte { return m.plain[m.plain.headerLen():] }

// deflateFrom is the size from which compression is worthwhile.
const deflateFrom = 512

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is valid
	}
	return w
}}

const rsv1Bit = 0x40

// tail is the end of a sync flush, which is omitted on the wire (RFC 7692 section 7.2.1).
const tail = "\x00\x00\xff\xff"

// deflated returns the compressed frame, or f itself if that is not smaller.
func (f Frame) deflated() Frame {
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	payload := f[f.headerLen():]
	var out bytes.Buffer
	out.Grow(len(payload) / 2)
	w.Reset(&out)
	w.Write(payload) // a bytes.Buffer does not fail
	w.Flush()
	small := bytes.TrimSuffix(out.Bytes(), []byte(tail))
	if len(small) >= len(payload) {
		return f
	}
	d := New(websocket.MessageType(f[0]&^finBit), small)
	d[0] |= rsv1Bit
	return d
}

// headerLen returns the size of f's header.
func (f Frame) headerLen() int {
	switch f[1] {
	case 126:
		return 4
	case 127:
		return MaxHeader
	default:
		return 2
	}
}
