package memory

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is one end of a connection.
type Conn interface {
	net.Conn
	// CloseWrite ends the stream to the other side, which reads io.EOF and may go on writing.
	CloseWrite() error
	// Reset breaks the connection: the other side's reads and writes fail with ECONNRESET.
	Reset() error
}

// end is one end of a pair of pipes, one for each direction, so that each direction can be closed by itself.
type end struct {
	in, out       net.Conn
	reset         *atomic.Bool // shared by both ends
	local, remote addr
}

// addr is the address of an end.
type addr string

func (addr) Network() string  { return "pipe" }
func (a addr) String() string { return string(a) }

// clientAddr returns a new client address.
func clientAddr() addr { return addr(fmt.Sprint("pipe ", clients.Add(1))) }

var clients atomic.Int64

// pipe returns a connection from a client with that address.
func pipe(from addr) (client, server *end) {
	inA, outB := net.Pipe()
	inB, outA := net.Pipe()
	var reset atomic.Bool
	return &end{inA, outA, &reset, from, Host}, &end{inB, outB, &reset, Host, from}
}

func (e *end) Read(p []byte) (int, error) {
	n, err := e.in.Read(p)
	return n, e.broken("read", err)
}

func (e *end) Write(p []byte) (int, error) {
	n, err := e.out.Write(p)
	return n, e.broken("write", err)
}

func (e *end) broken(op string, err error) error {
	if err != nil && e.reset.Load() {
		return &net.OpError{Op: op, Net: "pipe", Err: syscall.ECONNRESET}
	}
	return err
}

func (e *end) Close() error      { return errors.Join(e.in.Close(), e.out.Close()) }
func (e *end) CloseWrite() error { return e.out.Close() }

func (e *end) Reset() error {
	e.reset.Store(true)
	return e.Close()
}

func (e *end) LocalAddr() net.Addr  { return e.local }
func (e *end) RemoteAddr() net.Addr { return e.remote }

func (e *end) SetDeadline(t time.Time) error {
	return errors.Join(e.in.SetReadDeadline(t), e.out.SetWriteDeadline(t))
}
func (e *end) SetReadDeadline(t time.Time) error  { return e.in.SetReadDeadline(t) }
func (e *end) SetWriteDeadline(t time.Time) error { return e.out.SetWriteDeadline(t) }
