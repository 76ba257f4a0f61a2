package transport

import (
	"bufio"
	"iter"
	"net"
	"net/http"
	"reflect"
	"strings"
	"time"
)

const (
	parseSize   = 256     // coder/websocket's read buffer over our own input
	parseAlone  = 4 << 10 // the same where it is the only one
	controlSize = 136     // coder/websocket's write buffer; a whole control frame has to fit: 2 + 125 bytes
)

// Hijack takes the raw connection over and gives websocket.Accept a stream on top of it.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !hijackable(u.ResponseWriter) {
		return nil, nil, u.refuse(&Refusal{Status: http.StatusNotImplemented, Message: "this server cannot upgrade connections"})
	}
	values, refusal := u.options.Admit()
	if refusal != nil {
		return nil, nil, u.refuse(refusal)
	}
	u.values = values
	if u.subprotocol != "" {
		u.Header().Set("Sec-WebSocket-Protocol", u.subprotocol)
	}
	raw, rw, err := u.takeOver()
	if err != nil {
		return nil, nil, err
	}
	early, err := rw.Reader.Peek(rw.Reader.Buffered()) // sent along with the request
	if err != nil {
		raw.Close()
		return nil, nil, err
	}
	if len(early) > inputSize { // from a reader that is not net/http's
		raw, early = &readBefore{raw, early}, nil
	}
	setOptions(raw, u.options.Limits)
	c := newConn(raw, early, u.options, u.Header().Get("Sec-WebSocket-Extensions") != "")
	u.conn = c
	return (*stream)(c), bufio.NewReadWriter(c.parsed, bufio.NewWriterSize((*stream)(c), controlSize)), nil
}

// takeOver answers with 101 and returns the raw connection, without deadlines. Middleware that has put a ResponseWriter of
// its own around net/http's, an access log for one, hears of the status.
func (u *upgrade) takeOver() (net.Conn, *bufio.ReadWriter, error) {
	hijack := http.NewResponseController(u.ResponseWriter).Hijack
	if !isNetHTTP(u.ResponseWriter) {
		u.announce()
		raw, rw, err := hijack() // which sends the header
		if err == nil {
			err = raw.SetDeadline(time.Time{})
		}
		return raw, rw, closeOn(err, raw)
	}
	raw, rw, err := hijack()
	if err == nil {
		err = u.switchProtocols(raw)
	}
	return raw, rw, closeOn(err, raw)
}

// closeOn returns err. If there is one, it closes the connection, if there is one.
func closeOn(err error, raw net.Conn) error {
	if err != nil && raw != nil {
		raw.Close()
	}
	return err
}

// announce writes the header by the ResponseWriters that are around net/http's. Those of gin keep it until they are told.
func (u *upgrade) announce() {
	_ = http.NewResponseController(u.ResponseWriter).SetWriteDeadline(time.Now().Add(u.options.Limits.Write)) // where there are deadlines
	u.ResponseWriter.WriteHeader(http.StatusSwitchingProtocols)
	for w := range unwrapped(u.ResponseWriter) {
		if w, ok := w.(interface{ WriteHeaderNow() }); ok {
			w.WriteHeaderNow()
		}
	}
}

// isNetHTTP reports whether w is the ResponseWriter of net/http's server for HTTP/1, with nothing around it.
func isNetHTTP(w http.ResponseWriter) bool {
	t := reflect.TypeOf(w)
	return t.Kind() == reflect.Pointer && t.Elem().Name() == "response" && t.Elem().PkgPath() == "net/http"
}

// switchProtocols writes the response, in a third of the time that net/http needs for it, and clears the deadlines.
func (u *upgrade) switchProtocols(raw net.Conn) error {
	b := append(make([]byte, 0, 256), "HTTP/1.1 101 Switching Protocols\r\n"...)
	for name, values := range u.Header() {
		for _, value := range values {
			b = append(b, noNewlines.Replace(name)...)
			b = append(b, ": "...)
			b = append(b, noNewlines.Replace(value)...)
			b = append(b, "\r\n"...)
		}
	}
	b = append(b, "\r\n"...)
	if err := raw.SetDeadline(time.Now().Add(u.options.Limits.Write)); err != nil {
		return err
	}
	if _, err := raw.Write(b); err != nil {
		return err
	}
	return raw.SetDeadline(time.Time{})
}

var noNewlines = strings.NewReplacer("\r", " ", "\n", " ")

// hijackable reports whether w or what it wraps can be hijacked, as http.ResponseController finds out.
func hijackable(w http.ResponseWriter) bool {
	for w := range unwrapped(w) {
		if _, ok := w.(http.Hijacker); ok {
			return true
		}
	}
	return false
}

// unwrapped walks from w to what it wraps, as http.ResponseController does.
func unwrapped(w http.ResponseWriter) iter.Seq[http.ResponseWriter] {
	return func(yield func(http.ResponseWriter) bool) {
		for yield(w) {
			wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
			if !ok {
				return
			}
			w = wrapper.Unwrap()
		}
	}
}

// readBefore is a connection of which much was read before.
type readBefore struct {
	net.Conn
	left []byte
}

func (c *readBefore) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.left)
	if c.left = c.left[n:]; len(c.left) == 0 {
		c.left = nil
	}
	return n, nil
}

func newConn(raw net.Conn, early []byte, o *AcceptOptions, deflate bool) *Conn {
	if socketOf(raw) == nil {
		raw = foreign{raw}
	}
	c := &Conn{raw: raw, engine: o.Engine, limits: o.Limits, owner: o.Owner, deflate: deflate}
	if direct {
		c.sys = descriptor(raw)
	}
	size := parseSize
	if c.sys == nil {
		size = parseAlone
	}
	c.parsed = bufio.NewReaderSize((*stream)(c), size)
	c.in.meter.limits, c.in.meter.deflate = o.Limits, deflate
	c.in.ready = c.in.readOnce
	if len(early) > 0 {
		buf := inputPool.Get().(*[inputSize]byte)
		c.in.hold(buf, copy(buf[:], early))
	}
	return c
}
