//go:build linux && !wsgate_noparking

package transport

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// canPark reports whether this platform has a lot.
const canPark = true

// lot holds the sockets of parked connections in an epoll. The epoll itself waits in the runtime's poller, so that its
// goroutine needs no thread. Both exist from the first parked connection to stop.
//
// A socket reports once (EPOLLONESHOT) and is then silent until it is watched again. Descriptors are used again as soon
// as they are closed, so events do not name them: they name a spot and who it was given to, which changes whenever a
// connection leaves it. Lock order: an outbox's lock, then this one.
type lot struct {
	parked atomic.Int64 // connections

	mu      sync.Mutex // guards following
	file    *os.File   // the epoll; nil before the first connection
	epoll   int        // its descriptor, valid while the lock is held and stopped is not set
	spots   []spot     // spots[0] is not used
	free    []int32    // spots that nobody has
	stopped bool       // nobody is watched any more
	ended   chan struct{}

	// The arguments and the result of control, which is made once, as a closure for each call would be allocated.
	control func(fd uintptr)
	op      int
	event   unix.EpollEvent
	err     error
}

// spot is the place of a connection in the lot.
type spot struct {
	c     *Conn
	given int32 // how often the spot was given to a connection
}

// epollCtl is replaced by tests.
var epollCtl = unix.EpollCtl

// watch makes the lot call c.arrived, once, when there is something to read or the socket has failed. It reports false if
// the kernel refuses. The caller holds the outbox's lock and has seen that the socket is open.
func (l *lot) watch(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || l.file == nil && !l.start() {
		return false
	}
	op := unix.EPOLL_CTL_MOD
	if c.park.spot == 0 {
		op = unix.EPOLL_CTL_ADD
		c.park.spot = l.give(c)
	}
	if l.call(c, op) != nil {
		l.vacate(c)
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
	if !l.stopped {
		_ = l.call(c, unix.EPOLL_CTL_DEL) // its owner may have closed the socket, which removes it as well
	}
	l.vacate(c)
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

// vacate takes the spot of c back. The caller holds the lock.
func (l *lot) vacate(c *Conn) {
	l.spots[c.park.spot].c = nil
	l.free = append(l.free, c.park.spot)
	c.park.spot = 0
}

// start makes the epoll and its goroutine. The caller holds the lock.
func (l *lot) start() bool {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	_ = unix.SetNonblock(fd, true) // says that the runtime's poller may have it
	file := os.NewFile(uintptr(fd), "epoll")
	sys, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return false
	}
	l.file, l.epoll = file, fd
	l.control = func(fd uintptr) { l.err = epollCtl(l.epoll, l.op, int(fd), &l.event) }
	if len(l.spots) == 0 {
		l.spots = make([]spot, 1)
	}
	l.ended = make(chan struct{})
	go l.run(sys) // stop waits for it
	return true
}

// run brings connections back until the epoll is closed.
func (l *lot) run(sys syscall.RawConn) {
	defer close(l.ended)
	events := make([]unix.EpollEvent, 128)
	// All of it happens within one Read. Each call of Read forgets that the epoll is ready, so what came between two calls
	// would have to be asked for once more.
	_ = sys.Read(func(fd uintptr) bool {
		for {
			n, err := unix.EpollWait(int(fd), events, 0)
			if err == unix.EINTR {
				continue
			}
			for _, e := range events[:max(n, 0)] {
				if c := l.connOf(e); c != nil {
					c.arrived()
				}
			}
			if n < len(events) {
				return false
			}
		}
	})
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

// stop closes the epoll and waits for its goroutine. It is called when all connections have ended.
func (l *lot) stop() {
	l.mu.Lock()
	l.stopped = true
	file := l.file
	l.mu.Unlock()
	if file != nil {
		file.Close()
		<-l.ended
	}
}
