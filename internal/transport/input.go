package transport

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"time"
)

// inputSize is the size of one read. Many small messages that were sent together then take one system call.
const inputSize = 16 << 10

var inputPool = sync.Pool{New: func() any { return new([inputSize]byte) }}

// input is what has arrived and is not yet consumed by coder/websocket. Between two messages it is empty.
type input struct {
	buf  *[inputSize]byte // nil while empty
	r, w int              // buf[r:w] is left
	err  error            // follows the buffered input
	full bool             // the last read filled the buffer, so more input is likely

	arrived, messages int // bytes and messages that are not yet counted

	until int // how many bytes coder/websocket may take; 0 for no limit

	meter    meter
	since    time.Time // when the unfinished message began; zero at a message boundary
	deadline bool      // a read deadline for it is set

	ready  func(uintptr) bool // readOnce's method value, made once
	nowait bool               // the reader does not wait, or not for long

	lead lead // which the reader gives up before it waits
}

var inputs = sync.Pool{New: func() any {
	in := new(input)
	in.ready = in.readOnce
	return in
}}

// takeInput gives the connection an input, and dropInput takes it away when it is parked or has ended.
func (c *Conn) takeInput() {
	c.in = inputs.Get().(*input)
	c.in.meter = meter{limits: c.limits, deflate: c.out.deflate, rates: &c.rates}
}

func (c *Conn) dropInput() {
	c.countReceived()
	c.in.release()
	*c.in = input{ready: c.in.ready}
	inputs.Put(c.in)
	c.in = nil
}

func (in *input) empty() bool { return in.buf == nil }

// hold keeps the first n bytes of buf, as far as the limits allow.
func (in *input) hold(buf *[inputSize]byte, n int) {
	in.full = n == len(buf)
	n = in.check(buf[:n])
	if n == 0 {
		inputPool.Put(buf)
		return
	}
	in.buf, in.r, in.w = buf, 0, n
}

// check passes b to the meter and returns how many bytes may be parsed. It stores a violation in in.err, to be reported
// after these bytes, so that a violation which coder/websocket finds first takes precedence.
func (in *input) check(b []byte) int {
	in.arrived += len(b)
	in.meter.now = 0
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

// release returns the buffer to the pool.
func (in *input) release() {
	if in.buf != nil {
		inputPool.Put(in.buf)
		in.buf = nil
	}
}

// take moves buffered bytes to p.
func (in *input) take(p []byte) int {
	if in.until > 0 {
		p = p[:min(len(p), in.until)]
	}
	n := copy(p, in.buf[in.r:in.w])
	in.until = max(0, in.until-n)
	in.skip(n)
	return n
}

// skip drops n buffered bytes.
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

// await waits for buffered input or in.err. Before it waits for the network, it ends the read cycle, which flushes what
// the handlers have sent. A connection without a descriptor reads into p and returns the number of bytes, so that it
// holds no buffer while it waits.
func (c *Conn) await(p []byte) int {
	in := c.in
	c.countReceived()
	if in.err == nil {
		c.cycle.end(c)
	}
	if in.full {
		// The reader of a client that sends faster than its messages are handled is always runnable. Without this call,
		// each such reader would use a whole scheduler time slice, 10 ms, before others run.
		in.full = false
		runtime.Gosched()
	}
	for in.empty() && in.err == nil && !c.park.due {
		c.boundAssembly()
		n := 0
		switch {
		case !c.mayWait():
			n = c.fill(p)
		case c.park.awake:
			n = c.waitAwake(p)
		default:
			c.readDrowsy()
		}
		if n > 0 {
			return n
		}
	}
	return 0
}

// fill reads once, into p or, with a descriptor or without p, into a buffer of its own.
func (c *Conn) fill(p []byte) (n int) {
	in := c.in
	if !in.nowait {
		in.lead.giveUp()
	}
	var err error
	switch {
	case c.sys != nil:
		err = c.sys.Read(in.ready)
	case p == nil:
		buf := inputPool.Get().(*[inputSize]byte)
		n, err = c.raw.Read(buf[:])
		in.hold(buf, n)
		n = 0
	default:
		n, err = c.raw.Read(p)
		in.full = n == len(p)
		n = in.check(p[:n])
	}
	if err != nil {
		in.err = err
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		c.heartbeat.heard(c.engine)
	}
	return n
}

// errEnd is returned to coder/websocket in place of in.err: it would take io.EOF between fragments for the end of the
// message.
var errEnd = errors.New("wsgate: end of input")

// boundAssembly sets a read deadline for an unfinished message and clears it at a message boundary.
func (c *Conn) boundAssembly() {
	in := c.in
	if in.since.IsZero() && !in.deadline {
		return
	}
	if in.deadline = !in.since.IsZero(); in.deadline {
		c.raw.SetReadDeadline(in.since.Add(c.limits.Assembly))
	} else {
		c.raw.SetReadDeadline(time.Time{})
	}
}
