//go:build !unix

package transport

import "syscall"

// writer has nothing to call: without non-blocking writes every batch takes the goroutine path.
type writer struct{}

func (*writer) init(*batch) {}

func (*writer) write(syscall.RawConn) (int, error) { return 0, nil }
