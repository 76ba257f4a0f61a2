package transport

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// upgrade is a valid upgrade that is being answered.
type upgrade struct {
	writer      http.ResponseWriter
	request     *http.Request
	options     *AcceptOptions
	subprotocol string
	extensions  string          // as they are answered
	values      context.Context // for the connection's context, from Admit

	// Once the connection is taken over:
	socket syscall.RawConn // as socketOf returns it
	sys    syscall.RawConn // as Conn.sys
}

// open asks Admit, responds and returns the connection. If it returns an error, it has responded as far as it can.
func (u *upgrade) open() (*Conn, error) {
	if _, ok := hijacker(u.writer); !ok {
		return nil, u.refuse(u.notHijackable(nil))
	}
	values, refusal := u.options.Admit()
	if refusal != nil {
		return nil, u.refuse(refusal)
	}
	u.values = values
	raw, rw, err := u.takeOver()
	if err != nil {
		return nil, err
	}
	early, err := rw.Reader.Peek(rw.Reader.Buffered()) // sent along with the request
	if err != nil {
		raw.Close()
		return nil, err
	}
	if len(early) > inputSize { // from a reader other than net/http's
		raw, early = &readBefore{raw, early}, nil
		u.socket, u.sys = nil, nil
	}
	setOptions(raw, u.socket, u.options.Limits)
	return newConn(raw, early, u), nil
}

func (u *upgrade) refuse(r *Refusal) error {
	r.Write(u.writer, u.request)
	return r
}

// takeOver responds with 101 and returns the raw connection, without deadlines. HTTP middleware that wraps the
// ResponseWriter, such as an access log, sees the status.
func (u *upgrade) takeOver() (net.Conn, *bufio.ReadWriter, error) {
	if !isNetHTTP(u.writer) {
		u.response(u.writer.Header().Set)
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
	raw, rw, err := http.NewResponseController(u.writer).Hijack()
	if err != nil {
		return raw, rw, u.notHijackable(err)
	}
	u.socket = socketOf(raw)
	if isSocket(raw) && direct {
		u.sys = u.socket
	}
	return raw, rw, nil
}

// notHijackable is the refusal because of a ResponseWriter that has no Hijack, or one that returned err.
func (u *upgrade) notHijackable(err error) *Refusal {
	w, _ := hijacker(u.writer)
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
	_ = http.NewResponseController(u.writer).SetWriteDeadline(time.Now().Add(u.options.Limits.Write)) // where supported
	u.writer.WriteHeader(http.StatusSwitchingProtocols)
	for w := range unwrapped(u.writer) {
		if w, ok := w.(interface{ WriteHeaderNow() }); ok {
			w.WriteHeaderNow()
		}
	}
}

// isNetHTTP reports whether w is the unwrapped ResponseWriter of net/http's HTTP/1 server.
func isNetHTTP(w http.ResponseWriter) bool {
	t := reflect.TypeOf(w)
	if t == netHTTP.Load() {
		return true
	}
	is := t.Kind() == reflect.Pointer && t.Elem().Name() == "response" && t.Elem().PkgPath() == "net/http"
	if is {
		netHTTP.Store(t)
	}
	return is
}

// netHTTP is the reflect.Type that isNetHTTP has found, as names take long to compare.
var netHTTP atomic.Value

// response calls field for each field of the response that is not from the application.
func (u *upgrade) response(field func(name, value string)) {
	field(upgradeHeader, "websocket")
	field(connectionHeader, "Upgrade")
	field(acceptHeader, acceptKey(keyOf(u.request)))
	if u.subprotocol != "" {
		field(subprotocolHeader, u.subprotocol)
	}
	if u.extensions != "" {
		field(extensionsHeader, u.extensions)
	}
}

// switchProtocols writes the response, in a third of the time that net/http takes, and clears the deadlines.
func (u *upgrade) switchProtocols(raw net.Conn) error {
	b := append(make([]byte, 0, 256), "HTTP/1.1 101 Switching Protocols\r\n"...)
	field := func(name, value string) {
		b = append(b, name...)
		b = append(b, ": "...)
		b = append(b, value...)
		b = append(b, "\r\n"...)
	}
	u.response(field)
	for name, values := range u.writer.Header() {
		switch name {
		case upgradeHeader, connectionHeader, acceptHeader, subprotocolHeader, extensionsHeader:
			continue // the handshake's own
		}
		for _, value := range values {
			field(noNewlines.Replace(name), noNewlines.Replace(value))
		}
	}
	b = append(b, "\r\n"...)
	n := 0
	if u.sys != nil {
		var err error
		if n, err = writeNow(u.sys, b); err != nil || n == len(b) {
			return err
		}
	}
	if err := raw.SetDeadline(time.Now().Add(u.options.Limits.Write)); err != nil {
		return err
	}
	if _, err := raw.Write(b[n:]); err != nil {
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

func newConn(raw net.Conn, early []byte, u *upgrade) *Conn {
	if u.socket == nil {
		raw = foreign{raw}
	}
	o := u.options
	c := &Conn{
		raw: raw, engine: o.Engine, limits: o.Limits, counters: o.Counters, owner: o.Owner,
		subprotocol: u.subprotocol, sys: u.sys,
	}
	c.out.deflate = u.extensions != ""
	c.park.able = canPark && u.socket != nil
	c.takeInput()
	if len(early) > 0 {
		buf := inputPool.Get().(*[inputSize]byte)
		c.in.hold(buf, copy(buf[:], early))
	}
	return c
}
