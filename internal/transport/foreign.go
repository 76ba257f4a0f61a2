package transport

import (
	"fmt"
	"net"
	"time"
)

// foreign wraps a connection whose type is not from net or crypto/tls. Its methods may panic; foreign turns that into
// errors.
type foreign struct{ net.Conn }

func (f foreign) Read(p []byte) (n int, err error) {
	defer recovered(&err)
	return f.Conn.Read(p)
}

func (f foreign) Write(p []byte) (n int, err error) {
	defer recovered(&err)
	return f.Conn.Write(p)
}

func (f foreign) Close() (err error) {
	defer recovered(&err)
	return f.Conn.Close()
}

func (f foreign) SetReadDeadline(t time.Time) (err error) {
	defer recovered(&err)
	return f.Conn.SetReadDeadline(t)
}

func (f foreign) LocalAddr() (addr net.Addr) {
	var err error
	defer recovered(&err)
	return f.Conn.LocalAddr()
}

// recovered turns a panic into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("wsgate: the listener's connection panicked: %v", p)
	}
}
