package transport

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// lateAfter is how long a handler may run before its connection gets a watcher, at the next tick.
const lateAfter = time.Millisecond

// slowHandlerWatch finds handlers that run long. It uses one timer for all of them, which runs only while handlers do.
type slowHandlerWatch struct {
	count atomic.Int32 // of young and old; changed under the lock

	mu         sync.Mutex // guards following
	young, old []started  // begun since the last tick; before it
	spare      []started  // memory for the next young
	timer      *time.Timer
	ticking    bool
	emptied    time.Time // when forget last removed the only one
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
	w.count.Add(1)
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
	w.count.Add(int32(-len(due)))
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

// few is up to how many handlers forget looks for one.
const few = 2

// forget is called by who is listed, when what it has begun is over. On a server that has little to do, the two ticks
// behind a message cost more than the message, as each wakes two threads. So the last one stops the timer, unless that was
// done just before: with several messages in each tick, the tick is cheaper. Where there is more to do, the ticks find out
// by themselves.
func (w *slowHandlerWatch) forget(who interface{ check(number uint32) }, listed *atomic.Bool) {
	if w.count.Load() > few {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if now.Sub(w.emptied) < lateAfter/4 {
		return
	}
	is := func(s started) bool { return s.who == who }
	left := len(w.young) + len(w.old)
	w.young, w.old = slices.DeleteFunc(w.young, is), slices.DeleteFunc(w.old, is)
	if len(w.young)+len(w.old) == left {
		return // a tick has it
	}
	listed.Store(false)
	w.count.Add(-1)
	if left == 1 {
		w.timer.Stop()
		w.ticking, w.emptied = false, now
	}
}
