package transport

import (
	"sync"
	"time"
)

// awake lists the connections whose readers wait in the runtime's poller and could be parked. It uses one timer for all
// of them, which runs only while there are any.
//
// A connection is parked when it has returned no message for a number of ticks. It begins with one tick, so that many
// connections which are opened at the same time and then are quiet do not have a goroutine each at the same time. The
// number doubles, up to maxTicks, whenever it proves too small: when there were messages, or when one comes soon after
// the connection was parked. So the busier a connection is, the less it is looked at.
type awake struct {
	mu      sync.Mutex // guards following, and the ticks of the connections
	now     uint32     // in ticks, while there are connections
	conns   []waking
	timer   *time.Timer
	ticking bool
}

// waking is a connection, with the read cycle that it was in when it was last looked at, and when that is due again.
type waking struct {
	c           *Conn
	number, due uint32
}

const maxTicks = 32

// awakeTick is shorter in tests.
var awakeTick = 50 * time.Millisecond

func (a *awake) add(c *Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.park.ticks = max(c.park.ticks, 1)
	a.conns = append(a.conns, waking{c, c.cycle.number.Load(), a.now + uint32(c.park.ticks)})
	c.park.listed = int32(len(a.conns))
	if a.ticking {
		return
	}
	a.ticking = true
	if a.timer == nil {
		a.timer = time.AfterFunc(awakeTick, a.tick)
		return
	}
	a.timer.Reset(awakeTick)
}

// remove removes c if it is listed.
func (a *awake) remove(c *Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.park.listed == 0 {
		return
	}
	i, last := int(c.park.listed)-1, len(a.conns)-1
	a.conns[i] = a.conns[last]
	a.conns[i].c.park.listed = int32(i + 1)
	a.conns[last] = waking{}
	a.conns, c.park.listed = a.conns[:last], 0
	if last == 0 {
		a.conns = nil
	}
}

// look finds out which of the connections that are due have been quiet, from the end of the list on down to an index.
func (a *awake) look(from, end int, quiet []waking) []waking {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := min(end, len(a.conns)) - 1; i >= from; i-- {
		w := &a.conns[i]
		if w.due > a.now {
			continue
		}
		number := w.c.cycle.number.Load()
		if number == w.number {
			quiet = append(quiet, *w)
		} else {
			w.number = number
			w.c.park.lookLess()
		}
		w.due = a.now + uint32(w.c.park.ticks)
	}
	return quiet
}

// lookAt is how many connections are looked at before the lock is released for a moment.
const lookAt = 256

// tick interrupts the readers of quiet connections. It goes from the end of the list to its beginning, as remove puts the
// last connection in the place of the one that it removes.
func (a *awake) tick() {
	a.mu.Lock()
	a.now++
	end := len(a.conns)
	a.mu.Unlock()
	quiet := make([]waking, 0, lookAt)
	for ; end > 0; end -= lookAt {
		quiet = a.look(max(0, end-lookAt), end, quiet[:0])
		for _, w := range quiet {
			w.c.interrupt(w.number)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ticking = len(a.conns) > 0; a.ticking {
		a.timer.Reset(awakeTick)
	} else {
		a.now = 0
	}
}
