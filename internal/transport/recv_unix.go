//go:build unix && (!linux || 386 || s390x)

package transport

import "syscall"

func recv(fd int, p []byte) (int, error) { return syscall.Read(fd, p) }
func send(fd int, p []byte) (int, error) { return syscall.Write(fd, p) }
