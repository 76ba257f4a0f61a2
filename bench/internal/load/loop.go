//go:build linux

package load

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wsgate/wsgate/bench/internal/wire"
)

// loop moves the bytes of all connections on one thread. Reading needs one
// system call for everything that has arrived on a connection, and no copy and
// no allocation for each message.
type loop struct {
	epoll  int
	conns  []*conn
	events []unix.EpollEvent
	buffer []byte

	// message is called with every data message, whole.
	message func(c *conn, payload []byte) error
	// drained is called when everything that one read found was handed over.
	drained func(c *conn) error

	reads uint64
}

func newLoop(conns []*conn) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	l := &loop{
		epoll:  epoll,
		conns:  conns,
		events: make([]unix.EpollEvent, 1024),
		buffer: make([]byte, 256<<10),
	}
	for i := range conns {
		if err := l.watch(unix.EPOLL_CTL_ADD, i, unix.EPOLLIN); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

func (l *loop) close() {
	unix.Close(l.epoll)
	closeAll(l.conns)
}

// watch asks for events on the i-th connection. An event carries i.
func (l *loop) watch(change, i int, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(i)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, change, l.conns[i].fd, &event))
}

// poll waits until something can be read or written, at most that long, and
// does all of it.
func (l *loop) poll(most time.Duration) error {
	n, err := unix.EpollWait(l.epoll, l.events, int(max(most, 0).Milliseconds()))
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("epoll_wait", err)
	}
	for _, event := range l.events[:n] {
		i := int(event.Fd)
		err := l.serve(i, event.Events)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
	}
	return nil
}

func (l *loop) serve(i int, events uint32) error {
	c := l.conns[i]
	if events&unix.EPOLLOUT != 0 {
		waiting := c.out
		c.out = c.out[:0]
		if err := l.watch(unix.EPOLL_CTL_MOD, i, unix.EPOLLIN); err != nil {
			return err
		}
		if err := l.write(i, waiting); err != nil {
			return err
		}
	}
	if events&^unix.EPOLLOUT == 0 {
		return nil
	}
	return l.read(i)
}

// read takes what has arrived, hands over the whole frames and keeps the rest.
func (l *loop) read(i int) error {
	c := l.conns[i]
	kept := copy(l.buffer, c.carry)
	n, err := unix.Read(c.fd, l.buffer[kept:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return os.NewSyscallError("read", err)
	case n == 0:
		return errEnded
	}
	l.reads++
	if err := l.take(i, l.buffer[:kept+n]); err != nil {
		return err
	}
	return l.drained(c)
}

// take hands over the whole frames of b and keeps the rest for the next read.
func (l *loop) take(i int, b []byte) error {
	c := l.conns[i]
	for {
		f, rest, ok := wire.NextFrame(b)
		if !ok {
			break
		}
		b = rest
		var err error
		switch f.Opcode {
		case wire.OpText, wire.OpBinary, wire.OpMore:
			err = l.data(c, f)
		case wire.OpPing:
			err = l.write(i, wire.NewClientFrame(wire.OpPong, f.Payload).Bytes)
		case wire.OpClose:
			err = closedByServer(f.Payload)
		}
		if err != nil {
			return err
		}
	}
	c.carry = append(c.carry[:0], b...)
	return nil
}

// data hands over a message once its last frame is there.
func (l *loop) data(c *conn, f wire.Frame) error {
	if f.Final && f.Opcode != wire.OpMore {
		return l.message(c, f.Payload)
	}
	c.parts = append(c.parts, f.Payload...)
	if !f.Final {
		return nil
	}
	err := l.message(c, c.parts)
	c.parts = c.parts[:0]
	return err
}

// takeCarried hands over the frames that came along with the handshake.
func (l *loop) takeCarried() error {
	for i, c := range l.conns {
		if len(c.carry) == 0 {
			continue
		}
		b := append([]byte(nil), c.carry...)
		if err := l.take(i, b); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		if err := l.drained(c); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
	}
	return nil
}

// write writes b, or keeps what the socket does not take until it does.
func (l *loop) write(i int, b []byte) error {
	c := l.conns[i]
	if len(c.out) > 0 {
		c.out = append(c.out, b...)
		return nil
	}
	for len(b) > 0 {
		n, err := unix.Write(c.fd, b)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			c.out = append(c.out, b...)
			return l.watch(unix.EPOLL_CTL_MOD, i, unix.EPOLLIN|unix.EPOLLOUT)
		case err != nil:
			return os.NewSyscallError("write", err)
		}
		b = b[n:]
	}
	return nil
}
