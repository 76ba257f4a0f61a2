//go:build unix

package transport

import "syscall"

// writeDirect writes queued frames to the descriptor until it would block, and returns as flush does. The caller has
// set writing and holds the lock, which writeDirect releases.
func (c *Conn) writeDirect() (more bool) {
	o := &c.out
	b := newBatch()
	o.taken = int32(b.fill(o.frames, o.offset))
	o.mu.Unlock()
	n, full, err := b.writeNow(c.sys)
	b.release()
	o.mu.Lock()
	more = c.wrote(n)
	switch {
	case err != nil:
		o.mu.Unlock()
		c.fail(err)
	case full && more:
		o.blocked = true
		c.charge()
		c.boundWrite()
		o.mu.Unlock()
		go c.writeBlocked()
		return false
	default:
		o.writing, o.scheduled = false, more
		o.mu.Unlock()
	}
	c.writers.Done()
	return more && err == nil
}

// writeBlocked writes whenever the socket has room, until the queue is empty. It runs on its own goroutine.
func (c *Conn) writeBlocked() {
	defer c.writers.Done()
	o := &c.out
	var n int
	var err error
	ready := func(fd uintptr) bool {
		n, err = c.writeOnce(int(fd))
		return err != syscall.EAGAIN
	}
	for {
		n, err = 0, nil
		if closed := c.sys.Write(ready); closed != nil {
			err = closed
		}
		o.mu.Lock()
		more := c.wrote(n)
		if !more && err == nil {
			o.writing = false
		}
		if more {
			c.boundWrite()
		}
		o.mu.Unlock()
		if err != nil {
			c.fail(err)
		}
		if err != nil || !more {
			return
		}
	}
}

// writeOnce makes one write call. Its batch is released before it returns, so that a connection that waits for its
// socket holds no copy of the data.
func (c *Conn) writeOnce(fd int) (int, error) {
	o := &c.out
	b := newBatch()
	defer b.release()
	o.mu.Lock()
	o.taken = int32(b.fill(o.frames, o.offset))
	o.mu.Unlock()
	if b.size == 0 { // the connection is dead
		return 0, nil
	}
	b.try(fd)
	if b.err != nil {
		o.mu.Lock()
		o.taken = 0
		o.mu.Unlock()
	}
	return b.n, b.err
}
