//go:build unix

package transport

import (
	"io"
	"syscall"
)

// direct says that a descriptor is read and written without the net package's help.
const direct = true

// readOnce is called by the runtime when the socket may be readable. Memory for input is taken only when there is
// some, so that an idle connection holds none.
func (in *input) readOnce(fd uintptr) bool {
	buf := inputPool.Get().(*[inputSize]byte)
	for {
		n, err := syscall.Read(int(fd), buf[:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			inputPool.Put(buf)
			return false
		case err != nil:
			in.err = err
		case n == 0:
			in.err = io.EOF
		}
		in.hold(buf, max(n, 0))
		return true
	}
}
