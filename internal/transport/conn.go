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
)

// Causes of an end that the server chose.
var (
	ErrClosed      = errors.New("wsgate: connection closed")
	ErrSlowClient  = errors.New("wsgate: client reads too slowly")
	ErrPingTimeout = errors.New("wsgate: client did not answer a ping")
	ErrLimit       = errors.New("wsgate: limit exceeded")
)

// Limits bounds what one connection may cost. Every field without another word is positive.
type Limits struct {
	Message       int           // decoded bytes of one message
	Wire          int           // bytes on the wire of one message
	Frames        int           // frames of one message
	Assembly      time.Duration // from a message's first byte to its last
	ControlRate   int           // control frames per second
	ControlBurst  int
	QueueBytes    int           // outbound bytes waiting
	QueueMessages int           // outbound frames waiting
	Write         time.Duration // one write
	Handler       time.Duration // a message's handling, before the owner is told
	SendBuffer    int           // of the kernel, for a socket; 0 for the system's
	Unsent        int           // bytes in it that the kernel has not sent yet; 0 for any number
	Close         time.Duration // the peer's part of the closing handshake
	Ping          time.Duration // silence before a ping
	Pong          time.Duration // more silence before the end
}

// Owner is whoever handles a connection's messages.
type Owner interface {
	// HandlerIsSlow is called once for a message that has been handled for as long as [Limits].Handler. It does not block.
	HandlerIsSlow()
}

// Conn is one upgraded connection.
//
// Read belongs to one goroutine, the reader, which must call it until it fails; every other method may be called
// from any goroutine and does not block, except Flush and SendPaced.
type Conn struct {
	ws     *websocket.Conn
	raw    net.Conn
	engine *Engine
	limits *Limits

	owner  Owner
	ctx    context.Context
	cancel context.CancelCauseFunc

	deflate bool // permessage-deflate was negotiated, without context takeover

	sys syscall.RawConn // nil where raw has no descriptor to write to without blocking (TLS, pipes, other people's types)

	// Owned by the reader.
	parsed *bufio.Reader // what coder/websocket has taken and not parsed
	in     input

	cycle     readCycle
	out       outbox
	writers   sync.WaitGroup // whoever writes or closes
	heartbeat heartbeat
}

// Context returns the context of everything that works for this connection. It is cancelled as soon as the connection
// begins to close, with the cause.
func (c *Conn) Context() context.Context { return c.ctx }

// Subprotocol returns the negotiated subprotocol.
func (c *Conn) Subprotocol() string { return c.ws.Subprotocol() }

// RemoteAddr returns the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.raw.RemoteAddr() }

// maxScratch is the size of the pooled buffer in which a message is put together: smaller messages are copied out of
// it, larger ones take memory of their own as they arrive.
const maxScratch = 4 << 10

var scratchPool = sync.Pool{New: func() any { return new([maxScratch]byte) }}

// Read returns the next message. Calling it again says that the previous message was handled.
// After an error the connection is closed for good and the error says why; nil is not used for a clean end,
// see [Conn.End].
func (c *Conn) Read() (websocket.MessageType, []byte, error) {
	c.cycle.handled(c)
	for {
		typ, data, err := c.readMessage()
		if err != nil {
			return 0, nil, err
		}
		if c.closing() {
			continue // what a peer sends during the closing handshake is nobody's
		}
		c.cycle.begin(c)
		return typ, data, nil
	}
}

func (c *Conn) readMessage() (websocket.MessageType, []byte, error) {
	typ, data, err := c.readPlain()
	if err == errNotPlain {
		return c.readParsed()
	}
	if err == nil && typ == websocket.MessageText && !utf8.Valid(data) {
		err = errNotText
	}
	return typ, data, err
}

var errNotText = &violation{websocket.StatusInvalidFramePayloadData, "text is not UTF-8", errProtocol}

// readParsed reads the next message through coder/websocket.
func (c *Conn) readParsed() (websocket.MessageType, []byte, error) {
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
		return nil, &violation{websocket.StatusInvalidFramePayloadData, "corrupt compressed data", errProtocol}
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

// buffered reports whether input has arrived that was not handled yet. Only the reader may ask.
func (c *Conn) buffered() bool { return c.parsed.Buffered() > 0 || !c.in.empty() }
