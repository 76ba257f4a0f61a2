//go:build linux && !wsgate_noparking

package transport

import (
	"time"

	"golang.org/x/sys/unix"
)

const ParkAtOnce = parkAtOnce

func init() { awakeTick = 2 * time.Millisecond }

// FailEpoll makes epoll_ctl fail with err for the operation. It is called once more with nil to end that.
func (e *Engine) FailEpoll(op int, err error) {
	e.lot.mu.Lock()
	defer e.lot.mu.Unlock()
	e.lot.ctl = func(epfd, asked, fd int, event *unix.EpollEvent) error {
		if asked == op && err != nil {
			return err
		}
		return unix.EpollCtl(epfd, asked, fd, event)
	}
}

// EventFor returns an event as the kernel reports it for c, which has been parked, and Reports has the lot handle it.
func EventFor(c *Conn) (event unix.EpollEvent) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	l := &c.engine.lot
	l.mu.Lock()
	defer l.mu.Unlock()
	return unix.EpollEvent{Events: unix.EPOLLIN, Fd: c.park.spot, Pad: l.spots[c.park.spot].given}
}

func (e *Engine) Reports(event unix.EpollEvent) {
	if c := e.lot.connOf(event); c != nil && c.arrived() {
		go c.owner.Resume()
	}
}

// Spots returns how many connections have a spot in the lot, parked or not.
func (e *Engine) Spots() int {
	e.lot.mu.Lock()
	defer e.lot.mu.Unlock()
	return max(0, len(e.lot.spots)-1) - len(e.lot.free)
}

// Awake returns how many connections wait in the runtime's poller.
func (e *Engine) Awake() int {
	e.awake.mu.Lock()
	defer e.awake.mu.Unlock()
	return len(e.awake.conns)
}

// StopLateWatch makes the slow-handler watch notice nothing from now on.
func (e *Engine) StopLateWatch() {
	e.late.mu.Lock()
	defer e.late.mu.Unlock()
	e.late.ticking = true                             // so add starts no timer
	e.late.emptied = time.Now().Add(1000 * time.Hour) // and forget stops none
}
