//go:build linux || darwin

package abuse

import "syscall"

// setReceiveBuffer makes a socket's receive buffer small, so that a peer soon finds it full.
func setReceiveBuffer(raw syscall.RawConn, n int) error {
	var err error
	if e := raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, n) }); e != nil {
		return e
	}
	return err
}

// limitFiles bounds how many files this process may have open.
func limitFiles(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = uint64(n)
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
