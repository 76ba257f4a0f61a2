package transport

import (
	"sync"
	"time"
)

// awake lists the connections whose readers wait in the runtime's poller and could be parked. It uses one timer for all
// of them, which runs only while there are any.
type awake struct {
	mu      sync.Mutex // guards following
	conns   []seen
	timer   *time.Timer
	ticking bool
}

// seen is a connection with the read cycle that it was in when the list was last gone through.
type seen struct {
	c      *Conn
	number uint32
}

func (a *awake) add(c *Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns = append(a.conns, seen{c, c.cycle.number.Load()})
	c.park.listed = int32(len(a.conns))
	if a.ticking {
		return
	}
	a.ticking = true
	if a.timer == nil {
		a.timer = time.AfterFunc(quietFor, a.tick)
		return
	}
	a.timer.Reset(quietFor)
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
	a.conns[last] = seen{}
	a.conns, c.park.listed = a.conns[:last], 0
	if last == 0 {
		a.conns = nil
	}
}

// lookAt is how many connections are looked at before the lock is released for a moment.
const lookAt = 256

// tick interrupts the readers that have returned no message since the last tick. It goes from the end of the list to its
// beginning, as remove puts the last connection in the place of the one that it removes.
func (a *awake) tick() {
	var quiet [lookAt]seen
	for end := a.len(); end > 0; end -= lookAt {
		n := 0
		a.mu.Lock()
		end = min(end, len(a.conns))
		for i := end - 1; i >= max(0, end-lookAt); i-- {
			s := &a.conns[i]
			number := s.c.cycle.number.Load()
			if number == s.number {
				quiet[n] = *s
				n++
			}
			s.number = number
		}
		a.mu.Unlock()
		for _, s := range quiet[:n] {
			s.c.interrupt(s.number)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ticking = len(a.conns) > 0; a.ticking {
		a.timer.Reset(quietFor)
	}
}

func (a *awake) len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.conns)
}
