//go:build linux && !wsgate_noparking

package transport

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// canPark reports whether this platform has a lot.
const canPark = true

// lot holds the sockets of parked connections in an epoll, which exists only while connections have a spot.
//
// A socket reports once (EPOLLONESHOT) and is then silent until it is watched again. Descriptors are used again as soon
// as they are closed, so events do not name them: they name a spot and who it was given to, which changes whenever a
// connection leaves it. Lock order: an outbox's lock, then this one.
type lot struct {
	parked atomic.Int64 // connections

	leaders sync.WaitGroup // of all its epolls

	mu      sync.Mutex // guards following
	epoll   *epoll     // nil while nobody has a spot
	spots   []spot     // spots[0] is not used
	free    []int32    // spots that nobody has
	stopped bool       // nobody is watched any more

	// The arguments and the result of control, which is made once, as a closure for each call would be allocated.
	control func(fd uintptr)
	ctl     func(epfd, op, fd int, event *unix.EpollEvent) error // unix.EpollCtl, but in tests
	op      int
	event   unix.EpollEvent
	err     error
}

// spot is the place of a connection in the lot.
type spot struct {
	c     *Conn
	given int32 // how often the spot was given to a connection
}

// watch makes the lot call c.arrived, once, when there is something to read or the socket has failed. It reports false if
// the kernel refuses. The caller holds the outbox's lock and has seen that the socket is open.
func (l *lot) watch(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || l.epoll == nil && !l.start(c.engine) {
		return false
	}
	op := unix.EPOLL_CTL_MOD
	if c.park.spot == 0 {
		op = unix.EPOLL_CTL_ADD
		c.park.spot = l.give(c)
	}
	if l.call(c, op) != nil {
		l.evict(c)
		return false
	}
	l.parked.Add(1)
	return true
}

// leave makes sure that no event reaches c any more. The caller holds the outbox's lock and has not closed the socket
// yet.
func (l *lot) leave(c *Conn) {
	if c.park.spot == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.evict(c)
}

// call makes one change to the epoll, for the socket and the spot of c. The caller holds the lock.
func (l *lot) call(c *Conn, op int) error {
	l.op = op
	l.event = unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, // errors are always reported
		Fd:     c.park.spot, Pad: l.spots[c.park.spot].given,
	}
	sys := c.sys
	if sys == nil {
		sys = socketOf(c.raw)
	}
	if err := sys.Control(l.control); err != nil {
		return err
	}
	return l.err
}

// give returns a spot for c. The caller holds the lock.
func (l *lot) give(c *Conn) int32 {
	if n := len(l.free); n > 0 {
		i := l.free[n-1]
		l.free = l.free[:n-1]
		l.spots[i].c = c
		l.spots[i].given++
		return i
	}
	l.spots = append(l.spots, spot{c: c})
	return int32(len(l.spots) - 1)
}

// evict takes the spot of c back. With the last one it gives the epoll up. The caller holds the lock.
func (l *lot) evict(c *Conn) {
	_ = l.call(c, unix.EPOLL_CTL_DEL) // fails if it was not added, or if its listener has closed the socket
	l.spots[c.park.spot].c = nil
	l.free = append(l.free, c.park.spot)
	c.park.spot = 0
	if len(l.free) == len(l.spots)-1 {
		l.epoll.giveUp()
		l.epoll = nil
	}
}

// start makes the epoll. The caller holds the lock.
func (l *lot) start(e *Engine) (ok bool) {
	if l.epoll, ok = newEpoll(e); !ok {
		return false
	}
	if l.control == nil {
		l.control = func(fd uintptr) { l.err = l.ctl(l.epoll.fd, l.op, int(fd), &l.event) }
		l.spots = make([]spot, 1)
	}
	if l.ctl == nil {
		l.ctl = unix.EpollCtl
	}
	return true
}

// connOf returns the connection that an event is for, nil if that has left.
func (l *lot) connOf(e unix.EpollEvent) *Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.spots[e.Fd]; s.given == e.Pad {
		return s.c
	}
	return nil
}

// stop waits for the goroutines. It is called when all connections have ended.
func (l *lot) stop() {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.leaders.Wait()
}
