package transport

import (
	"bufio"
	"fmt"
	"iter"
	"net"
	"net/http"
	"reflect"
	"strings"
	"time"
)

const (
	parseSize   = 256     // coder/websocket's read buffer on top of Conn.in
	parseAlone  = 4 << 10 // the same where it is the only buffer
	controlSize = 136     // coder/websocket's write buffer; a whole control frame has to fit: 2 + 125 bytes
)

// Hijack takes over the raw connection and returns a stream on top of it to websocket.Accept.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if _, ok := hijacker(u.ResponseWriter); !ok {
		return nil, nil, u.refuse(u.notHijackable(nil))
	}
	values, refusal := u.options.Admit()
	if refusal != nil {
		return nil, nil, u.refuse(refusal)
	}
	u.values = values
	if u.subprotocol != "" {
		u.Header().Set("Sec-WebSocket-Protocol", u.subprotocol)
	}
	if u.extensions != "" {
		u.Header().Set(extensionsHeader, u.extensions)
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
	if len(early) > inputSize { // from a reader other than net/http's
		raw, early = &readBefore{raw, early}, nil
	}
	setOptions(raw, u.options.Limits)
	c := newConn(raw, early, u.options, u.extensions != "")
	u.conn = c
	c.subprotocol = u.subprotocol
	return c.parserStream()
}

// takeOver responds with 101 and returns the raw connection, without deadlines. HTTP middleware that wraps the
// ResponseWriter, such as an access log, sees the status.
func (u *upgrade) takeOver() (net.Conn, *bufio.ReadWriter, error) {
	if !isNetHTTP(u.ResponseWriter) {
		u.announce()
		raw, rw, err := u.hijack() // which sends the header
		if err == nil {
			err = raw.SetDeadline(time.Time{})
		}
		return raw, rw, closeOn(err, raw)
	}
	raw, rw, err := u.hijack()
	if err == nil {
		err = u.switchProtocols(raw)
	}
	return raw, rw, closeOn(err, raw)
}

// hijack returns the raw connection. If it fails, the client cannot be answered any more: 101 was announced, or somebody
// has the connection already.
func (u *upgrade) hijack() (net.Conn, *bufio.ReadWriter, error) {
	raw, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		u.refused = u.notHijackable(err)
		return raw, rw, u.refused
	}
	return raw, rw, nil
}

// notHijackable is the refusal because of a ResponseWriter that has no Hijack, or one that returned err.
func (u *upgrade) notHijackable(err error) *Refusal {
	w, _ := hijacker(u.ResponseWriter)
	cause := &NotHijackable{Writer: fmt.Sprintf("%T", w), Err: err}
	return &Refusal{Status: http.StatusNotImplemented, Message: "this server cannot upgrade connections", Cause: cause}
}

// closeOn returns err. It closes raw if neither is nil.
func closeOn(err error, raw net.Conn) error {
	if err != nil && raw != nil {
		raw.Close()
	}
	return err
}

// announce writes the header through the ResponseWriters that wrap net/http's. Gin's needs WriteHeaderNow to send it.
func (u *upgrade) announce() {
	_ = http.NewResponseController(u.ResponseWriter).SetWriteDeadline(time.Now().Add(u.options.Limits.Write)) // where supported
	u.ResponseWriter.WriteHeader(http.StatusSwitchingProtocols)
	for w := range unwrapped(u.ResponseWriter) {
		if w, ok := w.(interface{ WriteHeaderNow() }); ok {
			w.WriteHeaderNow()
		}
	}
}

// isNetHTTP reports whether w is the unwrapped ResponseWriter of net/http's HTTP/1 server.
func isNetHTTP(w http.ResponseWriter) bool {
	t := reflect.TypeOf(w)
	return t.Kind() == reflect.Pointer && t.Elem().Name() == "response" && t.Elem().PkgPath() == "net/http"
}

// switchProtocols writes the response, in a third of the time that net/http takes, and clears the deadlines.
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

// hijacker returns w or what it wraps that can be hijacked, as http.ResponseController finds it; or else the one behind
// which it finds nothing.
func hijacker(w http.ResponseWriter) (last http.ResponseWriter, ok bool) {
	for last = range unwrapped(w) {
		if _, ok := last.(http.Hijacker); ok {
			return last, true
		}
	}
	return last, false
}

// unwrapped yields w and the ResponseWriters that it wraps, as http.ResponseController does.
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

// readBefore is a connection with buffered input that is returned first.
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
	c.takeInput()
	if len(early) > 0 {
		buf := inputPool.Get().(*[inputSize]byte)
		c.in.hold(buf, copy(buf[:], early))
	}
	return c
}
