package transport

const (
	maxBatch  = 64 << 10 // bytes that one write call to a descriptor takes, unless a single frame is larger
	smallFrom = 2 << 10  // frames below this size are copied together, larger ones written from where they are
)

// flush writes what waits, as far as the socket takes it. It does nothing while somebody else writes.
// It reports whether more waits now, for which the caller then has to flush again.
func (c *Conn) flush() (more bool) {
	o := &c.out
	o.mu.Lock()
	o.scheduled = false
	if o.untold {
		o.mu.Unlock()
		c.tell()
		o.mu.Lock()
	}
	if o.writing || o.dead || len(o.frames) == 0 {
		o.mu.Unlock()
		return false
	}
	o.writing = true
	c.writers.Add(1) // under the lock: End waits after it has found or made the connection dead under the lock
	if c.sys != nil {
		return c.writeDirect()
	}
	o.mu.Unlock()
	go c.writeIndirect()
	return false
}

// flushAll writes what waits now, as far as the socket takes it. What others queue meanwhile is not the caller's work:
// after as many writes as a full queue may need a flusher goes on.
func (c *Conn) flushAll() {
	for writes := 2 * (1 + c.limits.QueueBytes/maxBatch); c.flush(); writes-- {
		if writes == 0 {
			c.engine.schedule(c)
			return
		}
	}
}
