//go:build unix

package transport

import (
	"io"
	"syscall"
)

// direct reports whether descriptors are read and written directly, without the net package.
const direct = true

// readOnce is called by RawConn.Read, first at once and then when the socket may be readable. It returns the buffer to
// the pool if there is no input, so that an idle connection holds none.
func (in *input) readOnce(fd uintptr) bool {
	buf := inputPool.Get().(*[inputSize]byte)
	for {
		n, err := recv(int(fd), buf[:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			inputPool.Put(buf)
			return in.nowait
		case err != nil:
			in.err = err
		case n == 0:
			in.err = io.EOF
		}
		in.hold(buf, max(n, 0))
		return true
	}
}
