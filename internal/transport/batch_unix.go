//go:build unix

package transport

import (
	"sync"
	"syscall"

	"github.com/wsgate/wsgate/internal/frame"
)

// batch is what one write call takes from a queue. It lasts no longer than the call: what the socket does not take stays
// in the queue.
type batch struct {
	chunks [][]byte // what is to be written, in order
	next   int      // chunks before it are written
	size   int      // bytes in it
	copied []byte   // memory of the chunks that hold several small frames

	call func(fd uintptr) bool // write's argument, made once: a closure for every call would be an allocation
	n    int
	err  error
	vector
}

var batchPool = sync.Pool{New: func() any {
	b := &batch{copied: make([]byte, 0, maxBatch)}
	b.call = func(fd uintptr) bool {
		b.try(int(fd))
		return true // also when the socket is full: nobody waits here
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

// fill takes as many of the frames as one write should have, the first without the bytes of it that are written. It
// returns their number.
func (b *batch) fill(frames []frame.Shared, written int) int {
	start := 0 // of the chunk that is being copied together
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

// advance notes that n more bytes are written.
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

// try makes one write call that does not block. Afterwards n is what the socket took; err is EAGAIN if it is full.
func (b *batch) try(fd int) {
	for {
		b.n, b.err = b.writeChunks(fd, b.chunks[b.next:])
		if b.err != syscall.EINTR {
			b.n = max(b.n, 0)
			return
		}
	}
}

// writeNow writes all of it without blocking, or as much as the socket takes. It returns how much that was.
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
