//go:build unix

package transport

import (
	"sync"
	"syscall"

	"github.com/wsgate/wsgate/internal/frame"
)

// batch is the data of one write call. It lives no longer than the call: what the socket does not accept stays in the
// queue.
type batch struct {
	chunks [][]byte // to be written, in order
	next   int      // index of the first chunk that is not fully written
	size   int      // in bytes
	copied []byte   // backing memory of chunks that combine several small frames

	call func(fd uintptr) bool // passed to RawConn.Write; made once, since a closure per call would allocate
	n    int
	err  error
	vector
}

var batchPool = sync.Pool{New: func() any {
	b := &batch{copied: make([]byte, 0, maxBatch)}
	b.call = func(fd uintptr) bool {
		b.try(int(fd))
		return true // even if the socket is full: do not wait here
	}
	return b
}}

func newBatch() *batch { return batchPool.Get().(*batch) }

func (b *batch) release() {
	clear(b.chunks)
	b.chunks, b.copied = b.chunks[:0], b.copied[:0]
	b.next, b.size, b.err = 0, 0, nil
	batchPool.Put(b)
}

// fill adds as many frames as one write should take, omitting the first written bytes of the first frame. It returns
// the number of frames.
func (b *batch) fill(frames []frame.Shared, written int) int {
	start := 0 // of the current chunk in b.copied
	flushCopied := func() {
		if start < len(b.copied) {
			b.chunks = append(b.chunks, b.copied[start:len(b.copied):len(b.copied)])
			start = len(b.copied)
		}
	}
	count := 0
	for i, shared := range frames {
		f := shared.Frame
		if i == 0 {
			f = f[written:]
		} else if b.size+len(f) > maxBatch {
			break
		}
		count++
		b.size += len(f)
		if len(frames) == 1 || len(f) >= smallFrom {
			flushCopied()
			b.chunks = append(b.chunks, f)
			continue
		}
		b.copied = append(b.copied, f...)
	}
	flushCopied()
	return count
}

// advance records that n more bytes were written.
func (b *batch) advance(n int) {
	for n > 0 {
		if chunk := b.chunks[b.next]; n < len(chunk) {
			b.chunks[b.next] = chunk[n:]
			return
		}
		n -= len(b.chunks[b.next])
		b.next++
	}
}

// try makes one non-blocking write call. It sets n to the bytes written, and err to EAGAIN if the socket is full.
func (b *batch) try(fd int) {
	for {
		b.n, b.err = b.writeChunks(fd, b.chunks[b.next:])
		if b.err != syscall.EINTR {
			b.n = max(b.n, 0)
			return
		}
	}
}

// writeNow writes as much of p as the socket accepts without blocking, and returns the number of bytes.
func writeNow(sys syscall.RawConn, p []byte) (n int, err error) {
	b := newBatch()
	defer b.release()
	b.chunks = append(b.chunks, p)
	n, _, err = b.writeNow(sys)
	return n, err
}

// writeNow writes as much of the batch as the socket accepts without blocking, and returns the number of bytes.
func (b *batch) writeNow(sys syscall.RawConn) (n int, full bool, err error) {
	for b.next < len(b.chunks) {
		if err := sys.Write(b.call); err != nil {
			return n, false, err
		}
		if b.err != nil {
			full = b.err == syscall.EAGAIN
			if full {
				return n, true, nil
			}
			return n, false, b.err
		}
		b.advance(b.n)
		n += b.n
	}
	return n, false, nil
}
