//go:build !unix

package transport

import "syscall"

func writeNow(syscall.RawConn, []byte) (int, error) { return 0, nil }

// writeDirect has nothing to write to: no connection has a descriptor.
func (c *Conn) writeDirect() (more bool) {
	c.out.mu.Unlock()
	return false
}
