//go:build !unix

package transport

import (
	"net"
	"syscall"
)

// descriptor reports that reads and writes go through the net package.
func descriptor(net.Conn) syscall.RawConn { return nil }

func (*input) readOnce(uintptr) bool { return true }
