package transport

import "syscall"

// WrapDescriptor puts something around the descriptor that the connection is written to.
func (c *Conn) WrapDescriptor(wrap func(syscall.RawConn) syscall.RawConn) { c.sys = wrap(c.sys) }

// FlushAll is what a sender does.
func (c *Conn) FlushAll() { c.flushAll() }
