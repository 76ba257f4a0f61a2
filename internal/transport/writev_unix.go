//go:build unix && !linux

package transport

// vector is empty: chunks are written one at a time.
type vector struct{}

func (*vector) writeChunks(fd int, chunks [][]byte) (int, error) { return send(fd, chunks[0]) }
