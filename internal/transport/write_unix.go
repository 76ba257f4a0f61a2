//go:build unix

package transport

import "syscall"

// writer makes one non-blocking write call of what is left of a batch.
type writer struct {
	call func(fd uintptr) bool // made once, as a closure for every call would be an allocation
	n    int
	err  error
	vector
}

func (w *writer) init(b *batch) {
	w.call = func(fd uintptr) bool {
		for {
			w.n, w.err = w.writeChunks(int(fd), b.rest())
			if w.err != syscall.EINTR {
				return true // also when the socket is full: nobody waits here
			}
		}
	}
}

// write returns 0 and no error if the socket is full.
func (w *writer) write(sys syscall.RawConn) (int, error) {
	if err := sys.Write(w.call); err != nil {
		return 0, err
	}
	if w.err == syscall.EAGAIN {
		return 0, nil
	}
	return w.n, w.err
}
