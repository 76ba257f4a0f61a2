package transport

const (
	maxBatch  = 64 << 10 // bytes in one write call to a descriptor, unless a single frame is larger
	smallFrom = 2 << 10  // smaller frames are copied together, others are written in place
)

// flush writes the queue until the socket would block. It does nothing while another goroutine writes. It reports
// whether frames are left, for which the caller must flush again.
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
	c.writers.Add(1) // under the lock: End waits only after the connection is dead, which is set under the lock
	if c.sys != nil {
		return c.writeDirect()
	}
	o.mu.Unlock()
	go c.writeIndirect()
	return false
}

// flushAll flushes until the queue is empty or the socket would block. Frames that others queue meanwhile are left to a
// flusher, after as many writes as a full queue may need.
func (c *Conn) flushAll() {
	for writes := 2 * (1 + c.limits.QueueBytes/maxBatch); c.flush(); writes-- {
		if writes == 0 {
			c.engine.schedule(c)
			return
		}
	}
}
