package transport

import (
	"errors"
	"runtime"
	"sync"
	"time"
)

// inputSize is how much one read takes. Many small messages that were sent together are then one system call.
const inputSize = 16 << 10

var inputPool = sync.Pool{New: func() any { return new([inputSize]byte) }}

// input is what has arrived and was not taken by coder/websocket yet.
type input struct {
	buf  *[inputSize]byte // nil while empty
	r, w int              // buf[r:w] is left
	err  error            // what comes after it
	full bool             // the last read took all it could, so that more is likely to wait

	until int // how much coder/websocket may take of it at once; 0 if that does not matter

	meter    meter
	since    time.Time // when the unfinished message began; zero at a message boundary
	deadline bool      // a read deadline for it is set

	ready func(uintptr) bool // readOnce's method value, made once
}

func (in *input) empty() bool { return in.buf == nil }

// hold keeps the n bytes in buf, as far as the budgets allow.
func (in *input) hold(buf *[inputSize]byte, n int) {
	in.full = n == len(buf)
	n = in.check(buf[:n])
	if n == 0 {
		inputPool.Put(buf)
		return
	}
	in.buf, in.r, in.w = buf, 0, n
}

// check runs b past the meter and returns how much of it may be parsed. The violation itself is kept as the error
// that follows, so that a limit which coder/websocket sees first is reported as its own.
func (in *input) check(b []byte) int {
	n, err := in.meter.add(b)
	if err != nil {
		in.err = err
	}
	switch {
	case !in.meter.inMessage():
		in.since = time.Time{}
	case in.since.IsZero() || in.meter.begun:
		in.since = time.Now()
	}
	in.meter.begun = false
	return n
}

// release gives the memory back.
func (in *input) release() {
	if in.buf != nil {
		inputPool.Put(in.buf)
		in.buf = nil
	}
}

// take moves held bytes to p.
func (in *input) take(p []byte) int {
	if in.until > 0 {
		p = p[:min(len(p), in.until)]
	}
	n := copy(p, in.buf[in.r:in.w])
	in.until = max(0, in.until-n)
	in.skip(n)
	return n
}

// skip drops n held bytes.
func (in *input) skip(n int) {
	if in.r += n; in.r == in.w {
		in.release()
	}
}

// receive reads the next bytes for coder/websocket.
func (c *Conn) receive(p []byte) (int, error) {
	if c.in.empty() {
		if n := c.await(p); n > 0 {
			return n, nil
		}
	}
	if c.in.empty() {
		return 0, errEnd
	}
	return c.in.take(p), nil
}

// await waits for input to hold, or for in.err. Before it waits for the network it ends the read cycle: everything that the
// handled messages left to be written goes out. A connection without a descriptor reads into p instead and returns how
// much, so that it holds no memory while it waits.
func (c *Conn) await(p []byte) int {
	in := &c.in
	if in.err == nil {
		c.cycle.end(c)
	}
	if in.full {
		// Who sends more than can be handled is always ready to run. Without this every one of them is given a whole
		// time slice of the scheduler, 10 ms, before others have their turn.
		in.full = false
		runtime.Gosched()
	}
	for in.empty() && in.err == nil {
		c.boundAssembly()
		if c.sys == nil {
			n, err := c.raw.Read(p)
			in.full = n == len(p)
			c.heartbeat.heard(c.engine)
			if err != nil {
				in.err = err
			}
			if n = in.check(p[:n]); n > 0 {
				return n
			}
			continue
		}
		if err := c.sys.Read(in.ready); err != nil {
			in.err = err
		}
		c.heartbeat.heard(c.engine)
	}
	return 0
}

// errEnd is what coder/websocket sees of in.err: it would take io.EOF between fragments for the end of the message.
var errEnd = errors.New("wsgate: end of input")

// boundAssembly gives an unfinished message a time to end and takes it away again at a boundary.
func (c *Conn) boundAssembly() {
	in := &c.in
	if in.since.IsZero() && !in.deadline {
		return
	}
	if in.deadline = !in.since.IsZero(); in.deadline {
		c.raw.SetReadDeadline(in.since.Add(c.limits.Assembly))
	} else {
		c.raw.SetReadDeadline(time.Time{})
	}
}
