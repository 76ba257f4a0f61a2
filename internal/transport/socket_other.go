//go:build !linux

package transport

import (
	"crypto/tls"
	"net"
	"syscall"
)

// setOptions sets the size of the socket's send buffer. The other options are specific to Linux.
func setOptions(raw net.Conn, _ syscall.RawConn, limits *Limits) {
	if limits.SendBuffer == 0 {
		return
	}
	if t, ok := raw.(*tls.Conn); ok {
		raw = t.NetConn()
	}
	switch t := raw.(type) {
	case *net.TCPConn:
		_ = t.SetWriteBuffer(limits.SendBuffer)
	case *net.UnixConn:
		_ = t.SetWriteBuffer(limits.SendBuffer)
	}
}

// The following are implemented on Linux only.

func hangup(int) error { return nil }

func (c *Conn) moves() (moves, known bool) { return false, false }

func (c *Conn) delivery() (d delivery, known bool) { return delivery{}, false }
