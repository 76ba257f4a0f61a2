package transport

import (
	"net"
	"time"

	"github.com/wsgate/wsgate/internal/frame"
)

// stream is the net.Conn that coder/websocket works on. Read returns input within the limits, Write queues control
// frames behind waiting messages, and deadlines and Close are left to the Conn.
type stream Conn

// Read is called by the reader only.
func (s *stream) Read(p []byte) (int, error) { return (*Conn)(s).receive(p) }

const (
	opcodeMask = 0xf
	opText     = 0x1
	opBinary   = 0x2
	opClose    = 0x8
	opPing     = 0x9
	opPong     = 0xa
)

// Write queues one whole control frame: nothing else is written through coder/websocket, and its write buffer fits the
// largest.
func (s *stream) Write(p []byte) (int, error) {
	c, f := (*Conn)(s), append(frame.Frame(nil), p...)
	if p[0]&opcodeMask == opClose {
		c.closeFor(f)
		return len(p), nil
	}
	if err := c.sendControl(f); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close does nothing: [Conn.End] closes the raw connection.
func (s *stream) Close() error { return nil }

func (s *stream) LocalAddr() net.Addr              { return s.raw.LocalAddr() }
func (s *stream) RemoteAddr() net.Addr             { return s.raw.RemoteAddr() }
func (s *stream) SetDeadline(time.Time) error      { return nil }
func (s *stream) SetReadDeadline(time.Time) error  { return nil }
func (s *stream) SetWriteDeadline(time.Time) error { return nil }
