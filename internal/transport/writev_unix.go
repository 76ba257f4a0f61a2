//go:build unix && !linux

package transport

import "syscall"

// vector is empty: chunks are written one at a time.
type vector struct{}

func (*vector) writeChunks(fd int, chunks [][]byte) (int, error) { return syscall.Write(fd, chunks[0]) }
