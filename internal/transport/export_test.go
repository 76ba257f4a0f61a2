package transport

import (
	"syscall"
	"unsafe"
)

// WrapDescriptor puts something around the descriptor that the connection is written to.
func (c *Conn) WrapDescriptor(wrap func(syscall.RawConn) syscall.RawConn) { c.sys = wrap(c.sys) }

// FlushAll is what a sender does.
func (c *Conn) FlushAll() { c.flushAll() }

// HoldSends begins a read cycle that never ends, in which nobody writes what is sent.
func (c *Conn) HoldSends() { c.cycle.sends.Store(sendsHeld) }

// Waiting returns how many bytes wait to be written.
func (c *Conn) Waiting() int { return c.size() }

// HasParser reports whether there is a connection of coder/websocket. Only the reader may ask, or who waits for it.
func (c *Conn) HasParser() bool { return c.ws != nil }

const MaxBatch = maxBatch

// ConnSize is the size of a connection.
const ConnSize = unsafe.Sizeof(Conn{})

// Late returns how many handlers the slow-handler watch has listed, and whether its timer runs.
func (e *Engine) Late() (listed int, ticking bool) {
	w := &e.late
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.young) + len(w.old), w.ticking
}
