package transport

import (
	"errors"
	"net"
	"time"

	"github.com/wsgate/wsgate/internal/frame"
)

// stream is the Conn as coder/websocket sees it: a net.Conn that reads what passed the budgets, queues the control
// frames it writes behind the messages that wait, and leaves deadlines and the real close to the Conn.
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

// Write queues one whole control frame: nothing else is written through coder/websocket, and its buffer holds the
// largest.
func (s *stream) Write(p []byte) (int, error) {
	c, f := (*Conn)(s), append(frame.Frame(nil), p...)
	if p[0]&opcodeMask == opClose {
		c.closeFor(f)
		return len(p), nil
	}
	if err := c.send(frame.Shared{Frame: f}); err != nil && !errors.Is(err, ErrClosed) { // a ping may cross our close frame: no pong then
		return 0, err
	}
	return len(p), nil
}

// Close does nothing: coder/websocket has finished with the connection, the Conn closes it in [Conn.End].
func (s *stream) Close() error { return nil }

func (s *stream) LocalAddr() net.Addr              { return s.raw.LocalAddr() }
func (s *stream) RemoteAddr() net.Addr             { return s.raw.RemoteAddr() }
func (s *stream) SetDeadline(time.Time) error      { return nil }
func (s *stream) SetReadDeadline(time.Time) error  { return nil }
func (s *stream) SetWriteDeadline(time.Time) error { return nil }
