package transport

import (
	"crypto/tls"
	"net"
	"syscall"
)

// descriptor returns the descriptor of a connection that is exactly one of the net package's. A type that embeds one has
// the same methods, but its Read and Write may do more: it counts as somebody else's code, as do all other types.
func descriptor(raw net.Conn) syscall.RawConn {
	var sys syscall.RawConn
	var err error
	switch t := raw.(type) {
	case *net.TCPConn:
		sys, err = t.SyscallConn()
	case *net.UnixConn:
		sys, err = t.SyscallConn()
	}
	if err != nil {
		return nil
	}
	return sys
}

// socketOf returns the socket that bears the connection, to set its options and to ask it. Below TLS there is one as
// well; below somebody else's code nobody knows.
func socketOf(raw net.Conn) syscall.RawConn {
	if t, ok := raw.(*tls.Conn); ok {
		raw = t.NetConn()
	}
	return descriptor(raw)
}

// delivery is how far what was written to a socket has come, in bytes from the beginning.
type delivery struct {
	end   int64 // of what was written
	acked int64 // how much of it the peer's kernel has
	edge  int64 // up to where that has room for more: it moves when the peer's program reads, and only then
	// window is that room. A small one says that the peer's kernel holds much that its program has not read.
	window int32
}

// fullWindow is what a peer's kernel usually has room for, at least, if its program reads everything.
const fullWindow = 64 << 10
