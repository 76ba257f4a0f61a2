package transport

import "github.com/wsgate/wsgate/internal/frame"

// writeIndirect writes the queue through the raw connection with blocking writes. It serves connections without a
// descriptor, on a goroutine that ends when the queue is empty.
func (c *Conn) writeIndirect() {
	defer c.writers.Done()
	o := &c.out
	for {
		o.mu.Lock()
		if len(o.frames) == 0 { // the connection is dead
			o.writing = false
			o.mu.Unlock()
			return
		}
		r := recordOf(o.frames)
		o.taken = int32(r.count)
		if o.ping != 0 && o.written()+uint64(r.count) >= o.ping {
			c.writesPing()
		}
		c.boundWrite()
		o.mu.Unlock()
		n, err := c.raw.Write(r.bytes)
		r.release()
		o.mu.Lock()
		more := c.wrote(n)
		o.writing = more
		o.mu.Unlock()
		if err != nil {
			c.fail(err)
			return
		}
		if !more {
			return
		}
	}
}

// record is the data of one write through the raw connection: one frame, or several small frames copied into one TLS
// record. It is kept small because it is held while the peer does not read.
type record struct {
	bytes  []byte
	count  int // frames in it
	copied *[inputSize]byte
}

func recordOf(frames []frame.Shared) record {
	if len(frames) == 1 || len(frames[0].Frame) >= smallFrom || len(frames[1].Frame) >= smallFrom {
		return record{bytes: frames[0].Frame, count: 1}
	}
	r := record{copied: inputPool.Get().(*[inputSize]byte)}
	r.bytes = r.copied[:0]
	for _, f := range frames {
		if len(f.Frame) >= smallFrom || len(r.bytes)+len(f.Frame) > inputSize {
			break
		}
		r.bytes = append(r.bytes, f.Frame...)
		r.count++
	}
	return r
}

func (r record) release() {
	if r.copied != nil {
		inputPool.Put(r.copied)
	}
}
