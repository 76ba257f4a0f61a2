//go:build linux

package load

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wsgate/wsgate/bench/internal/wire"
)

const (
	dialTimeout = 10 * time.Second
	dialWorkers = 32
	perSource   = 20_000 // connections from one source address, fewer than it has ports
	sources     = 200    // 127.0.0.1 to 127.0.0.200
)

// dialer opens WebSocket connections to one server. Its connections are plain
// file descriptors, so that one thread can read thousands of them through epoll
// without the Go scheduler between.
type dialer struct {
	server  netip.AddrPort
	dialect wire.Dialect
}

// dial opens the i-th connection of a workload and returns it once the server
// has accepted it. The descriptor is still a blocking one.
func (d dialer) dial(i int, path string, options ...func(fd int) error) (*conn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	c := &conn{fd: fd}
	err = d.open(c, i, append(options, bound, prompt))
	if err == nil {
		err = d.greet(c, path)
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("connection %d to %s: %w", i, path, err)
	}
	return c, nil
}

// open makes the TCP connection.
func (d dialer) open(c *conn, i int, options []func(fd int) error) error {
	for _, set := range options {
		if err := set(c.fd); err != nil {
			return err
		}
	}
	source := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(1 + i/perSource%sources)}}
	if err := unix.Bind(c.fd, source); err != nil {
		return os.NewSyscallError("bind", err)
	}
	return connect(c.fd, d.server)
}

// greet does the WebSocket handshake and that of the contender's own protocol.
func (d dialer) greet(c *conn, path string) error {
	if err := c.writeAll(wire.UpgradeRequest(d.server.String(), path)); err != nil {
		return err
	}
	if err := c.readUpgrade(); err != nil {
		return err
	}
	hello := d.dialect.Hello()
	if hello == nil {
		return nil
	}
	if err := c.writeAll(hello); err != nil {
		return err
	}
	_, err := c.readFrame()
	return err
}

// bound limits every blocking call on the descriptor in time.
func bound(fd int) error {
	t := unix.NsecToTimeval(int64(dialTimeout))
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &t); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

// prompt sends small messages at once, and leaves the choice of a port to
// connect, so that ports are shared between servers.
func prompt(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1))
}

// narrow makes the connection's buffers, here and at the server, as small as
// can be, so that a client which does not read stalls the server soon: the
// server's buffer grows with the segment size that the client asks for.
func narrow(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG, 536))
}

func connect(fd int, server netip.AddrPort) error {
	to := &unix.SockaddrInet4{Addr: server.Addr().As4(), Port: int(server.Port())}
	err := unix.Connect(fd, to)
	if !errors.Is(err, unix.EINTR) {
		return os.NewSyscallError("connect", err)
	}
	// An interrupted connect goes on by itself; it is done when it can be written to.
	ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for deadline := time.Now().Add(dialTimeout); time.Now().Before(deadline); {
		n, err := unix.Poll(ready, 100)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("poll", err)
		}
		if n == 1 {
			code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
			if err == nil && code != 0 {
				err = unix.Errno(code)
			}
			return os.NewSyscallError("connect", err)
		}
	}
	return os.NewSyscallError("connect", unix.ETIMEDOUT)
}

// dialAll opens n connections, several at a time, and makes their descriptors
// non-blocking.
func (d dialer) dialAll(n int, path func(i int) string) ([]*conn, error) {
	conns := make([]*conn, n)
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	for range min(n, dialWorkers) {
		workers.Go(func() {
			for failed.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				c, err := d.dial(i, path(i))
				if err == nil {
					conns[i] = c
					err = os.NewSyscallError("fcntl", unix.SetNonblock(c.fd, true))
				}
				if err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	workers.Wait()
	if err := failed.Load(); err != nil {
		closeAll(conns)
		return nil, *err
	}
	return conns, nil
}
