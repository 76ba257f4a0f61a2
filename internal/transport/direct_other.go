//go:build !unix

package transport

// writeDirect has nothing to write to: no connection has a descriptor.
func (c *Conn) writeDirect() (more bool) {
	c.out.mu.Unlock()
	return false
}
