package transport

import (
	"crypto/tls"
	"net"
	"syscall"
)

// socketOf returns the socket under raw, also under TLS. It returns nil for foreign types.
func socketOf(raw net.Conn) syscall.RawConn {
	if t, ok := raw.(*tls.Conn); ok {
		raw = t.NetConn()
	}
	if !isSocket(raw) {
		return nil
	}
	sys, err := raw.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil
	}
	return sys
}

// isSocket reports whether raw is a *net.TCPConn or *net.UnixConn. A type that embeds one has the same methods, but its
// Read and Write may do more, so it counts as foreign.
func isSocket(raw net.Conn) bool {
	switch raw.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// delivery is the progress of the data written to a socket, as stream offsets in bytes.
type delivery struct {
	end   int64 // of what was written
	acked int64 // up to where the peer's kernel has acknowledged it
	edge  int64 // right edge of the peer's window: it moves only when the peer's program reads
	// window is the peer's receive window. A small one means that its kernel holds much that its program has not read.
	window int32
}

// fullWindow is the least window that a peer usually announces if its program has read everything.
const fullWindow = 64 << 10
