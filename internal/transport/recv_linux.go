//go:build !386 && !s390x

package transport

import (
	"syscall"
	"unsafe"
)

// recv and send do what read(2) and write(2) do, but enter the kernel at the socket instead of the file, which takes about
// 5 % less for a short message.

func recv(fd int, p []byte) (int, error) {
	n, err := transfer(syscall.SYS_RECVFROM, fd, p)
	raceReceived(fd)
	return n, err
}

func send(fd int, p []byte) (int, error) {
	raceSends(fd)
	return transfer(syscall.SYS_SENDTO, fd, p)
}

func transfer(call uintptr, fd int, p []byte) (int, error) {
	n, _, errno := syscall.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
