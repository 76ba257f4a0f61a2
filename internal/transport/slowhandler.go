package transport

import (
	"sync"
	"time"
)

// lateAfter is how long a handler may run before its connection gets a watcher, at the next tick.
const lateAfter = time.Millisecond

// slowHandlerWatch finds handlers that run long. It uses one timer for all of them, which runs only while handlers do.
type slowHandlerWatch struct {
	mu         sync.Mutex // guards following
	young, old []started  // begun since the last tick; before it
	spare      []started  // memory for the next young
	timer      *time.Timer
	ticking    bool
}

// started is something that has begun: a read cycle of a connection, or the turn of a leader.
type started struct {
	who    interface{ check(number uint32) }
	number uint32
}

func (w *slowHandlerWatch) add(s started) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.young = append(w.young, s)
	if w.ticking {
		return
	}
	w.ticking = true
	if w.timer == nil {
		w.timer = time.AfterFunc(lateAfter, w.tick)
		return
	}
	w.timer.Reset(lateAfter)
}

// tick checks what had begun before the previous tick.
func (w *slowHandlerWatch) tick() {
	w.mu.Lock()
	due := w.old
	w.old, w.young, w.spare = w.young, w.spare[:0], nil
	w.mu.Unlock()
	for _, s := range due {
		s.who.check(s.number)
	}
	clear(due)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spare = due
	if w.ticking = len(w.old)+len(w.young) > 0; w.ticking {
		w.timer.Reset(lateAfter)
	}
}
