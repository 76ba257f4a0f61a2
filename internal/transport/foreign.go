package transport

import (
	"fmt"
	"net"
	"time"
)

// foreign is a raw connection with somebody else's code in it, which may panic on goroutines of ours.
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
		*err = fmt.Errorf("wsgate: a connection of the listener's own panicked: %v", p)
	}
}
