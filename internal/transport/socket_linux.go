package transport

import (
	"io"
	"math"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// setOptions sets the options of the connection's socket, if it has one. Errors are ignored: a unix socket has no TCP
// options.
//
// TCP_USER_TIMEOUT makes the kernel drop a connection whose peer does not acknowledge data within the heartbeat's time.
// It backs up the heartbeat: without it, the kernel keeps data written to a vanished peer for a quarter of an hour.
func setOptions(_ net.Conn, sys syscall.RawConn, limits *Limits) {
	if sys == nil {
		return
	}
	_ = sys.Control(func(fd uintptr) {
		set := func(level, option, value int) {
			if value > 0 {
				_ = unix.SetsockoptInt(int(fd), level, option, value)
			}
		}
		set(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int((limits.Ping + limits.Pong).Milliseconds()))
		set(unix.SOL_SOCKET, unix.SO_SNDBUF, limits.SendBuffer)
		set(unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, limits.Unsent)
	})
}

// hangup returns an error if the peer has closed its side or reset the connection, whether or not there is unread input.
func hangup(fd int) error {
	switch events := poll(fd, unix.POLLRDHUP); {
	case events&unix.POLLERR != 0:
		return syscall.ECONNRESET
	case events != 0:
		return io.EOF
	}
	return nil
}

// poll returns which of the events, or errors, are pending.
func poll(fd int, events int16) int16 {
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		if _, err := unix.Poll(fds, 0); err != unix.EINTR {
			return fds[0].Revents
		}
	}
}

// moves reports whether the socket accepts more, so that a write does not wait for the peer. It is unknown for foreign
// types.
func (c *Conn) moves() (moves, known bool) {
	sys := socketOf(c.raw)
	if sys == nil {
		return false, false
	}
	err := sys.Control(func(fd uintptr) { moves = poll(int(fd), unix.POLLOUT) != 0 })
	return moves, err == nil
}

// delivery asks the kernel for the progress of the data written. The caller holds the outbox's lock.
func (c *Conn) delivery() (d delivery, known bool) {
	sys := socketOf(c.raw)
	if sys == nil {
		return delivery{}, false
	}
	_ = sys.Control(func(fd uintptr) {
		waiting, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		if err != nil {
			return
		}
		known = true
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil { // a unix socket, whose unsent data is what the peer's program has not read
			read := c.out.sent - int64(waiting)
			d = delivery{end: c.out.sent, acked: read, edge: read, window: fullWindow}
			return
		}
		acked, window := int64(info.Bytes_acked), int32(min(info.Snd_wnd, math.MaxInt32))
		d = delivery{end: acked + int64(waiting), acked: acked, edge: acked + int64(window), window: window}
	})
	return d, known
}
