//go:build linux && !wsgate_noparking

package transport

import (
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// epoll is an epoll of the lot. One goroutine at a time waits for its events, the leader. The epoll itself waits in the
// runtime's poller, so that the leader needs no thread meanwhile.
//
// A connection that has input when the leader has waited for it, and no other has, is handled by the leader itself: a
// goroutine of its own would wake another thread to look for work, which was a quarter of what such a message costs. If
// handling it takes long or has to wait, another goroutine becomes the leader. (The pattern is known as leader/followers.)
type epoll struct {
	engine *Engine
	file   *os.File
	fd     int
	turn   atomic.Uint32 // odd while the leader handles a connection; who makes it even is the leader, or makes another one
	listed atomic.Bool   // it is on the slow-handler watch

	// The leader's, by the engine's clock.
	begun time.Duration // when it began to handle a connection
	apart time.Duration // until then each connection is handled on a goroutine of its own
}

// A leader that has handled a connection for longer than shortTurn handles none for apartFor. So handlers that take
// long, or wait for something, hardly ever keep other connections waiting.
const (
	shortTurn = 100 * time.Microsecond
	apartFor  = time.Second
)

// newEpoll makes an epoll and its leader. It reports false if the kernel refuses.
func newEpoll(e *Engine) (*epoll, bool) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, false
	}
	_ = unix.SetNonblock(fd, true) // says that the runtime's poller may have it
	p := &epoll{engine: e, file: os.NewFile(uintptr(fd), "epoll"), fd: fd}
	e.lot.leaders.Go(p.lead) // stop waits for it
	return p, true
}

// giveUp makes the leader close the epoll.
func (p *epoll) giveUp() { p.file.SetReadDeadline(past) }

// lead brings connections back until the epoll is given up, or another goroutine leads.
func (p *epoll) lead() {
	events := make([]unix.EpollEvent, 128)
	for {
		n, waited := p.wait(events)
		if n == 0 {
			p.file.Close()
			return
		}
		if n == 1 && waited && p.engine.clock() >= p.apart {
			if !p.handle(events[0]) {
				return
			}
			continue
		}
		for _, e := range events[:n] {
			if c := p.engine.lot.connOf(e); c != nil && c.arrived() {
				go c.owner.Resume() // it is the reader, which whoever started the first one waits for
			}
		}
	}
}

// wait returns the number of events that have come, 0 if the epoll is given up. waited says that there were none at first:
// otherwise there is enough to do for several goroutines.
func (p *epoll) wait(events []unix.EpollEvent) (n int, waited bool) {
	sys, err := p.file.SyscallConn()
	if err != nil {
		return 0, false
	}
	_ = sys.Read(func(fd uintptr) bool {
		for {
			var err error
			if n, err = unix.EpollWait(int(fd), events, 0); err != unix.EINTR {
				n = max(n, 0)
				waited = waited || n == 0
				return n > 0
			}
		}
	})
	return n, waited
}

// handle lets the leader itself read from a connection until that is parked again or has ended. It reports whether this
// goroutine still leads.
func (p *epoll) handle(e unix.EpollEvent) bool {
	c := p.engine.lot.connOf(e)
	if c == nil || !c.arrived() {
		return true
	}
	p.begun = p.engine.clock()
	turn := p.turn.Add(1)
	// In this order for the reason given in readCycle.begin.
	if !p.listed.Load() && p.listed.CompareAndSwap(false, true) {
		p.engine.late.add(started{p, turn})
	}
	c.takeInput()
	c.in.lead = lead{p, turn}
	returned := false
	defer func() {
		if !returned { // a hook has called runtime.Goexit
			p.pass(turn)
		}
	}()
	c.owner.Resume()
	returned = true
	if !p.end(turn) {
		return false
	}
	p.engine.late.forget(p, &p.listed)
	return true
}

// end ends a turn. It reports false if that has been ended before.
func (p *epoll) end(turn uint32) bool {
	if !p.turn.CompareAndSwap(turn, turn+1) {
		return false
	}
	if now := p.engine.clock(); now-p.begun > shortTurn {
		p.apart = now + apartFor
	}
	return true
}

// pass ends a turn and makes another goroutine the leader, unless the turn has ended before.
func (p *epoll) pass(turn uint32) {
	if p.end(turn) {
		p.engine.lot.leaders.Go(p.lead)
	}
}

// check is called by the slow-handler watch.
func (p *epoll) check(turn uint32) {
	p.pass(turn)
	p.listed.Store(false)
	if turn = p.turn.Load(); turn&1 == 1 && p.listed.CompareAndSwap(false, true) {
		p.engine.late.add(started{p, turn})
	}
}

// lead is held by a reader that runs on the leader's goroutine.
type lead struct {
	p    *epoll // nil if it does not, or not any more
	turn uint32
}

// giveUp makes another goroutine the leader.
func (l *lead) giveUp() {
	if l.p != nil {
		l.p.pass(l.turn)
		*l = lead{}
	}
}
