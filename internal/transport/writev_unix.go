//go:build unix && !linux

package transport

import "syscall"

// vector has nothing to hold: the chunks are written one after the other.
type vector struct{}

func (*vector) writeChunks(fd int, chunks [][]byte) (int, error) { return syscall.Write(fd, chunks[0]) }
