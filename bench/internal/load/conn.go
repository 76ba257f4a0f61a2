//go:build linux

package load

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/wsgate/wsgate/bench/internal/wire"
)

// conn is one client connection. While it is dialed it blocks; after that it
// belongs to a loop, which reads and writes what is possible at once.
type conn struct {
	fd    int
	carry []byte // received, but not yet a whole frame
	parts []byte // of a message whose last frame is still to come
	out   []byte // to be written when the socket takes it

	room   *room
	next   uint32 // the sequence number that the next message must have
	synced bool   // next is known
}

func (c *conn) close() {
	if c.fd >= 0 {
		unix.Close(c.fd)
		c.fd = -1
	}
}

func closeAll(conns []*conn) {
	for _, c := range conns {
		if c != nil {
			c.close()
		}
	}
}

// reset closes the connection so that its port is free at once.
func (c *conn) reset() {
	unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	c.close()
}

func (c *conn) writeAll(b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(c.fd, b)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("write", err)
		}
		b = b[n:]
	}
	return nil
}

// errEnded is the end of a connection that nobody has closed.
var errEnded = errors.New("the server ended the connection without a close frame")

// readMore appends what one blocking read finds to c.carry. It is
// io.EOF that ends a connection.
func (c *conn) readMore() error {
	var b [2048]byte
	for {
		n, err := unix.Read(c.fd, b[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return os.NewSyscallError("read", err)
		case n == 0:
			return io.EOF
		}
		c.carry = append(c.carry, b[:n]...)
		return nil
	}
}

func (c *conn) readUpgrade() error {
	for {
		if err := c.readMore(); err != nil {
			return fmt.Errorf("waiting for the handshake: %w", err)
		}
		rest, done, err := wire.UpgradeResponse(c.carry)
		if err != nil {
			return err
		}
		if done {
			c.carry = append([]byte(nil), rest...)
			return nil
		}
	}
}

// readFrame waits for a whole frame, drops it and returns its opcode.
func (c *conn) readFrame() (opcode byte, err error) {
	for {
		if f, rest, ok := wire.NextFrame(c.carry); ok {
			c.carry = append(c.carry[:0], rest...)
			return f.Opcode, nil
		}
		if err := c.readMore(); err != nil {
			return 0, err
		}
	}
}

// closedByServer is the error for a close frame's payload.
func closedByServer(payload []byte) error {
	if len(payload) < 2 {
		return errors.New("the server closed the connection")
	}
	code := int(payload[0])<<8 | int(payload[1])
	return fmt.Errorf("the server closed the connection with %d %q", code, payload[2:])
}
