// Package transport carries WebSocket messages between coder/websocket, which implements the protocol, and a raw
// connection that this package controls: its deadlines, its buffers and every byte that is written to it.
package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/rate"
	"github.com/wsgate/wsgate/internal/text"
)

// Causes of a closure by the server.
var (
	ErrClosed      = errors.New("wsgate: connection closed")
	ErrSlowClient  = errors.New("wsgate: client reads too slowly")
	ErrPingTimeout = errors.New("wsgate: client did not answer a ping")
	ErrLimit       = errors.New("wsgate: limit exceeded")
)

// Limits bounds the resources of one connection. Every field is positive unless its comment says otherwise.
type Limits struct {
	Message       int           // decoded bytes of one message
	Wire          int           // bytes on the wire of one message
	Frames        int           // frames of one message
	Assembly      time.Duration // from a message's first byte to its last
	ControlRate   rate.Limit    // of control frames
	Rate          rate.Limit    // of messages and control frames
	QueueBytes    int           // outbound bytes waiting
	QueueMessages int           // outbound frames waiting
	Write         time.Duration // one write
	Handler       time.Duration // handling of one message, before the owner is notified
	SendBuffer    int           // SO_SNDBUF; 0 for the system's default
	Unsent        int           // TCP_NOTSENT_LOWAT; 0 for no limit
	Close         time.Duration // for the peer's answer in the closing handshake
	Ping          time.Duration // idle time before a ping
	Pong          time.Duration // time to answer it
}

// Owner handles a connection's messages.
type Owner interface {
	// HandlerIsSlow is called once for a message whose handling exceeds [Limits].Handler. It does not block.
	HandlerIsSlow()
	// Park is called by the reader before it parks the connection. It may be in vain: then Read goes on.
	Park()
	// Resume is called when a parked connection can be read again. The calling goroutine is the reader until Resume returns.
	Resume()
}

// Conn is one upgraded connection.
//
// One goroutine, the reader, calls Read until it fails, and then End; when Read returns [ErrParked], another goroutine
// is the reader later. All other methods may be called from any goroutine and do not block, except Flush and SendPaced.
type Conn struct {
	raw    net.Conn
	engine *Engine
	limits *Limits

	counters *Counters // nil once its counts have moved there; guarded by the outbox's lock

	owner  Owner
	ctx    context.Context
	cancel context.CancelCauseFunc

	subprotocol string

	sys syscall.RawConn // nil if raw has no descriptor for non-blocking writes (TLS, pipes, foreign types)

	// Owned by the reader.
	ws     *websocket.Conn // reads what readPlain does not; nil until it is needed
	parsed *bufio.Reader   // input that ws has read but not parsed; nil without ws
	in     *input          // nil while the connection is parked
	rates  rates

	received received

	park      park
	cycle     readCycle
	out       outbox
	writers   sync.WaitGroup // goroutines that write or close
	heartbeat heartbeat
}

// Context returns the connection's context. It is cancelled with the cause as soon as the connection begins to close.
func (c *Conn) Context() context.Context { return c.ctx }

// Subprotocol returns the negotiated subprotocol.
func (c *Conn) Subprotocol() string { return c.subprotocol }

// RemoteAddr returns the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.raw.RemoteAddr() }

// maxScratch is the size of the pooled buffer into which a message is read. Smaller messages are copied out of it;
// larger ones grow into a new slice.
const maxScratch = 4 << 10

var scratchPool = sync.Pool{New: func() any { return new([maxScratch]byte) }}

// Read returns the next message. The next call marks that message as handled. If the message is too much for
// [Limits].Rate, wait is how long the client has to be quiet until another one is not. An error is final and never nil for
// a normal closure; see [Conn.End].
func (c *Conn) Read() (typ websocket.MessageType, data []byte, wait time.Duration, err error) {
	c.cycle.handled(c)
	if c.in == nil {
		c.takeInput()
	}
	for {
		typ, data, err = c.readMessage()
		if err != nil && c.park.due {
			if c.parks() {
				return 0, nil, 0, ErrParked
			}
			continue
		}
		if err != nil {
			return 0, nil, 0, err
		}
		wait = c.in.meter.message(len(data))
		if wait > 0 && !c.closing() {
			wait = c.slowDown()
		}
		c.in.messages++
		if c.closing() {
			continue // messages received during the closing handshake are discarded
		}
		c.cycle.begin(c)
		c.wakeful()
		return typ, data, wait, nil
	}
}

func (c *Conn) readMessage() (websocket.MessageType, []byte, error) {
	typ, data, err := c.readPlain()
	if err == errNotPlain {
		return c.readParsed()
	}
	if err == nil && typ == websocket.MessageText && !text.Valid(data) {
		err = errNotText
	}
	return typ, data, err
}

var errNotText = &violation{websocket.StatusInvalidFramePayloadData, "text is not UTF-8", ErrProtocol}

// readParsed reads the next message through coder/websocket.
func (c *Conn) readParsed() (websocket.MessageType, []byte, error) {
	if err := c.makeParser(); err != nil {
		return 0, nil, err
	}
	typ, r, err := c.ws.Reader(context.Background())
	if err != nil {
		return 0, nil, err
	}
	scratch := scratchPool.Get().(*[maxScratch]byte)
	defer scratchPool.Put(scratch)
	packed, text := c.in.meter.takePacked(), typ == websocket.MessageText
	data, err := readAll(r, scratch[:0], text && !packed)
	if err != nil {
		return 0, nil, err
	}
	if packed {
		data, err = c.inflate(data)
		if err == nil && text && !utf8.Valid(data) {
			err = errNotText
		}
	} else if len(data) <= maxScratch {
		data = append(make([]byte, 0, len(data)), data...)
	}
	return typ, data, err
}

func (c *Conn) inflate(data []byte) ([]byte, error) {
	text, err := frame.Inflate(data, c.limits.Message)
	switch {
	case errors.Is(err, frame.ErrTooLong):
		return nil, tooLong(c.limits)
	case err != nil:
		return nil, &violation{websocket.StatusInvalidFramePayloadData, "corrupt compressed data", ErrProtocol}
	}
	return text, nil
}

// readAll appends what r has to buf, which is empty. A text that is not UTF-8 fails at the fragment that is wrong.
func readAll(r io.Reader, buf []byte, text bool) ([]byte, error) {
	for checked := 0; ; {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil && err != io.EOF {
			return nil, err // what was read last may still be masked
		}
		if text {
			whole := len(buf)
			if err == nil {
				whole -= cutRune(buf)
			}
			if !utf8.Valid(buf[checked:whole]) {
				return nil, errNotText
			}
			checked = whole
		}
		if err == io.EOF {
			return buf, nil
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

// cutRune returns how many bytes at the end of b may be the beginning of a rune.
func cutRune(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if end := b[len(b)-n:]; utf8.RuneStart(end[0]) {
			if utf8.FullRune(end) {
				return 0
			}
			return n
		}
	}
	return 0
}

// buffered reports whether there is unread input. Only the reader calls it.
func (c *Conn) buffered() bool { return c.parses() || !c.in.empty() }

// parses reports whether coder/websocket has begun with what has arrived.
func (c *Conn) parses() bool { return c.parsed != nil && c.parsed.Buffered() > 0 }
