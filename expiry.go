package wsgate

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/timerwheel"
)

// expiry ends a connection at the end of its session, unless OnRefresh renews that before. The App's wheel wakes it, and
// it has a goroutine only while OnRefresh is asked without a token.
type expiry struct {
	conn  *conn
	entry timerwheel.Entry
	turn  chan struct{}  // capacity 1: full while a hook of the connection runs; nil without OnRefresh
	asks  sync.WaitGroup // of one goroutine, which asks OnRefresh
	token string         // for OnRefresh, "" if it is asked without; owned by whoever has the turn

	mu      sync.Mutex // guards following
	end     time.Time  // zero for never
	due     time.Time  // when OnRefresh is asked next; zero for never
	forced  bool       // it is asked since Hub.Refresh was called
	asking  bool       // the goroutine runs
	started bool       // OnOpen has returned nil
	stopped bool
}

func newExpiry(c *conn, end time.Time) *expiry {
	e := &expiry{conn: c, end: end}
	if c.route.hooks.refresh != nil {
		e.turn = make(chan struct{}, 1)
	}
	return e
}

// takeTurn waits until no hook of the connection runs. OnRefresh has the turn as well, which may be called on another
// goroutine than the other hooks.
func (e *expiry) takeTurn() {
	if e.turn != nil {
		e.turn <- struct{}{}
	}
}

func (e *expiry) endTurn() {
	if e.turn != nil {
		<-e.turn
	}
}

// start is called when OnOpen has returned nil.
func (e *expiry) start() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.started = true
	now := time.Now()
	e.plan(now)
	e.conn.route.app.expiries.Add(&e.entry, e, e.wait(now))
}

// stop waits until OnRefresh is not asked any more, without which OnClose must not be called.
func (e *expiry) stop() {
	e.mu.Lock()
	e.stopped = true
	e.mu.Unlock()
	e.conn.route.app.expiries.Remove(&e.entry)
	e.asks.Wait()
}

// force has OnRefresh asked soon.
func (e *expiry) force(at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.turn == nil {
		return
	}
	e.forced, e.due = true, at
	e.move()
}

// renewed sets the end of the session, of what OnRefresh has returned.
func (e *expiry) renewed(end time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	e.end = end
	e.plan(now)
	e.move()
}

// plan sets when OnRefresh is asked, when the end of the session is known or has changed. The time is random, so that
// sessions that began together are not renewed together. The caller holds the lock.
func (e *expiry) plan(now time.Time) {
	switch {
	case e.turn == nil || e.forced:
	case e.end.IsZero():
		e.due = time.Time{}
	default:
		before, left := e.conn.route.limits.Refresh, max(0, e.end.Sub(now))
		e.due = e.end.Add(-min(before, left/2) - rand.N(min(left/10, 4*before)+1))
	}
}

// postpone sets when OnRefresh is asked again, which has not renewed the session. If Hub.Refresh was called meanwhile,
// that is known already. The caller holds the lock.
func (e *expiry) postpone(now time.Time) {
	if e.forced {
		return
	}
	l := &e.conn.route.limits
	wait := l.Refresh
	if !e.end.IsZero() {
		wait = min(wait, e.end.Add(l.RefreshGrace).Sub(now)/3)
	}
	wait = max(wait, l.RefreshGrace/5)
	e.due = now.Add(wait - rand.N(wait/4+1))
}

// closes returns when the connection closes, if nothing renews the session. The caller holds the lock.
func (e *expiry) closes() time.Time {
	if e.turn == nil {
		return e.end // nothing to wait for
	}
	return e.end.Add(e.conn.route.limits.RefreshGrace)
}

// longestWait bounds the time between two looks at the clock, which may have been set meanwhile.
const longestWait = 30 * time.Second

// wait returns how long there is nothing to do. The caller holds the lock.
func (e *expiry) wait(now time.Time) time.Duration {
	wait := longestWait
	if !e.end.IsZero() {
		wait = min(wait, e.closes().Sub(now))
	}
	if !e.due.IsZero() && !e.asking {
		wait = min(wait, e.due.Sub(now))
	}
	return max(wait, 1)
}

// move tells the wheel when there is something to do. The caller holds the lock.
func (e *expiry) move() {
	if e.started {
		e.conn.route.app.expiries.Move(&e.entry, e.wait(time.Now()))
	}
}

// Beat is called by the wheel.
func (e *expiry) Beat(func(since int64) time.Duration) time.Duration {
	e.mu.Lock()
	now := time.Now()
	over := !e.end.IsZero() && !now.Before(e.closes())
	if !over && !e.due.IsZero() && !now.Before(e.due) && !e.asking && !e.stopped {
		e.asking = true
		e.asks.Go(e.ask)
	}
	wait := e.wait(now)
	e.mu.Unlock()
	if over {
		e.conn.t.Close(StatusExpired, "session expired", ErrExpired)
		return 0
	}
	return wait
}

// ask asks OnRefresh without a token when it is its turn.
func (e *expiry) ask() {
	c := e.conn
	returned := false
	defer func() {
		if !returned { // OnRefresh has called runtime.Goexit
			c.t.Close(websocket.StatusInternalError, "internal error", errGoexit)
			c.route.app.logError(c.t.Context(), "wsgate: connection", errGoexit, "conn", c.ID(), "path", c.route.path)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.asking = false
		e.move()
	}()
	c.runHook(&c.route.refreshing, func() {
		defer time.AfterFunc(c.route.limits.Handler, (*reader)(c).HandlerIsSlow).Stop()
		c.refreshUnasked()
	})
	returned = true
}
