package transport

import (
	"runtime"
	"syscall"
	"unsafe"
)

// maxChunks is how many chunks one writev call takes; the kernel's limit is 1,024.
const maxChunks = 64

// vector holds the arguments of a writev call.
type vector [maxChunks]syscall.Iovec

// writeChunks makes one write call with as many chunks as it takes.
func (v *vector) writeChunks(fd int, chunks [][]byte) (int, error) {
	if len(chunks) == 1 {
		return send(fd, chunks[0])
	}
	chunks = chunks[:min(len(chunks), maxChunks)]
	for i, chunk := range chunks {
		v[i].Base = &chunk[0]
		v[i].SetLen(len(chunk))
	}
	raceSends(fd)
	n, _, errno := syscall.Syscall(syscall.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&v[0])), uintptr(len(chunks)))
	runtime.KeepAlive(chunks)
	clear(v[:len(chunks)])
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
