package transport

import (
	"sync"
	"syscall"

	"github.com/wsgate/wsgate/internal/frame"
)

const (
	maxBatch  = 64 << 10 // bytes that one write takes, unless a single frame is larger
	smallFrom = 2 << 10  // frames below this size are copied together, larger ones written from where they are
)

// batch is what one write call takes from a queue.
type batch struct {
	chunks [][]byte // what is to be written, in order
	next   int      // chunks before it are written
	count  int      // frames in it
	size   int      // bytes in it
	copied []byte   // memory of the chunks that hold several small frames

	writer // what the system call needs
}

var batchPool = sync.Pool{New: func() any {
	b := &batch{copied: make([]byte, 0, maxBatch)}
	b.writer.init(b)
	return b
}}

func newBatch() *batch { return batchPool.Get().(*batch) }

func (b *batch) release() {
	clear(b.chunks)
	b.chunks, b.copied = b.chunks[:0], b.copied[:0]
	b.next, b.count, b.size = 0, 0, 0
	batchPool.Put(b)
}

// fill takes as many of frames as one write should have and returns their number.
func (b *batch) fill(frames []frame.Frame) int {
	start := 0 // of the chunk that is being copied together
	flushCopied := func() {
		if start < len(b.copied) {
			b.chunks = append(b.chunks, b.copied[start:len(b.copied):len(b.copied)])
			start = len(b.copied)
		}
	}
	for i, f := range frames {
		if i > 0 && b.size+len(f) > maxBatch {
			break
		}
		b.count++
		b.size += len(f)
		alone := len(frames) == 1
		if alone || len(f) >= smallFrom {
			flushCopied()
			b.chunks = append(b.chunks, f)
			continue
		}
		b.copied = append(b.copied, f...)
	}
	flushCopied()
	return b.count
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

// rest returns the chunks that are left to write.
func (b *batch) rest() [][]byte { return b.chunks[b.next:] }

// writeNow writes without blocking. It reports whether a rest is left because the socket is full.
func (b *batch) writeNow(sys syscall.RawConn) (full bool, err error) {
	for len(b.rest()) > 0 {
		n, err := b.write(sys)
		if n <= 0 {
			return err == nil, err
		}
		b.advance(n)
	}
	return false, nil
}
