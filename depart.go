package wsgate

import (
	"context"
	"iter"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/inspect"
)

// answerTime is how long a client that was told to connect elsewhere has to say that it does.
const answerTime = 2 * time.Second

// schedule is until when the connections of an App that shuts down have left.
type schedule struct {
	changed chan struct{} // capacity 1

	mu             sync.Mutex // guards following
	toldBy, goneBy time.Time  // when all were told, and closed; zero for any time
}

// endBefore makes the connections leave in time before ctx is done.
func (s *schedule) endBefore(ctx context.Context) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return
	}
	now := time.Now()
	whole := deadline.Sub(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.toldBy = earlier(s.toldBy, now.Add(whole/2))
	s.goneBy = earlier(s.goneBy, now.Add(whole/3*2))
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// earlier returns the earlier of two times; old may be zero.
func earlier(old, t time.Time) time.Time {
	if old.IsZero() || t.Before(old) {
		return t
	}
	return old
}

func (s *schedule) get() (toldBy, goneBy time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.toldBy, s.goneBy
}

// depart makes the connections leave, at the pace and in random order. It returns when it has closed the last, or when
// none is left.
func (a *App) depart() {
	defer close(a.departed)
	d := departures{told: line{wait: min(answerTime, a.limits.Close)}}
	d.moving.wait = a.limits.Close - d.told.wait
	d.tell.pace, d.close.pace = float64(a.limits.DrainPace), float64(a.limits.DrainPace)
	for c := range a.hub.Conns() {
		d.staying = append(d.staying, c.base())
	}
	rand.Shuffle(len(d.staying), func(i, j int) { d.staying[i], d.staying[j] = d.staying[j], d.staying[i] })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for d.left() > 0 {
		select {
		case <-timer.C:
		case <-a.departing.changed:
		case <-a.idle:
			return
		case <-a.cut.Done():
			return
		}
		now := time.Now()
		toldBy, goneBy := a.departing.get()
		d.step(now, toldBy, goneBy)
		timer.Reset(d.next(goneBy).Sub(now))
	}
}

// departures are the connections of an App that shuts down. A connection goes from one field to the next.
type departures struct {
	staying []*conn // not told yet to connect elsewhere
	told    line    // have not said yet that they do
	moving  line    // connect elsewhere, or have a handler in flight
	due     []*conn // are to be closed

	tell, close turnstile // for those in staying and due
}

func (d *departures) left() int {
	return len(d.staying) + len(d.told.conns) + len(d.moving.conns) + len(d.due)
}

// step does what is to be done now.
func (d *departures) step(now, toldBy, goneBy time.Time) {
	last := !goneBy.IsZero() && !now.Before(goneBy)
	for range d.tell.open(now, len(d.staying), len(d.staying), toldBy) {
		c, ok := pop(&d.staying)
		switch {
		case !ok:
		case c.askToMove():
			d.told.add(now, c)
		default:
			d.due = append(d.due, c)
		}
	}
	for c := range d.told.pass(now, last) {
		if c.moving.Load() || c.activity.Load() != nil { // what its client says is read after the handler
			d.moving.add(now, c)
		} else {
			d.due = append(d.due, c)
		}
	}
	for c := range d.moving.pass(now, last) {
		d.due = append(d.due, c)
	}
	for range d.close.open(now, len(d.due), d.left(), goneBy) {
		if c, ok := pop(&d.due); ok {
			c.shutdown()
		}
	}
}

// next returns when there may be something to do again.
func (d *departures) next(goneBy time.Time) time.Time {
	next := goneBy
	if len(d.staying) > 0 {
		next = earlier(next, d.tell.next)
	}
	if len(d.due) > 0 {
		next = earlier(next, d.close.next)
	}
	for _, l := range []*line{&d.told, &d.moving} {
		if len(l.conns) > 0 {
			next = earlier(next, l.conns[0].until)
		}
	}
	return next
}

// pop takes the first of the connections that have not ended. It reports false if there is none.
func pop(conns *[]*conn) (c *conn, ok bool) {
	for len(*conns) > 0 {
		c, *conns = (*conns)[0], (*conns)[1:]
		if c.t.Context().Err() == nil {
			return c, true
		}
	}
	return nil, false
}

// line has connections that wait equally long, each from when it was added, in that order.
type line struct {
	wait  time.Duration
	conns []departure
}

type departure struct {
	*conn
	until time.Time
}

func (l *line) add(now time.Time, c *conn) { l.conns = append(l.conns, departure{c, now.Add(l.wait)}) }

// pass removes and yields those that have waited long enough, or all.
func (l *line) pass(now time.Time, all bool) iter.Seq[*conn] {
	return func(yield func(*conn) bool) {
		for len(l.conns) > 0 && (all || !now.Before(l.conns[0].until)) {
			c := l.conns[0].conn
			l.conns = l.conns[1:]
			if !yield(c) {
				return
			}
		}
	}
}

// turnstile lets connections pass at a pace, a few at a time.
type turnstile struct {
	pace float64 // a second
	next time.Time
}

// turnstileRate is how often a second a turnstile opens at most.
const turnstileRate = 100

// open returns how many of those that wait may pass now, so that, by that time, all that are left will have passed. In no
// second are there more than the pace says, unless there is less time than that needs.
func (s *turnstile) open(now time.Time, waiting, left int, by time.Time) int {
	switch {
	case waiting == 0:
		return 0
	case !by.IsZero() && !now.Before(by):
		return waiting
	case now.Before(s.next):
		return 0
	}
	pace := s.pace
	if !by.IsZero() {
		pace = max(pace, float64(left)/by.Sub(now).Seconds())
	}
	n := max(1, math.Floor(pace/turnstileRate))
	s.next = now.Add(time.Duration(math.Ceil(n / pace * float64(time.Second))))
	return min(int(n), waiting)
}

// askToMove tells the client to connect elsewhere. It reports false if that was not sent: for a gateway of raw messages, or
// if clients of the route are not known to read events.
func (c *conn) askToMove() bool {
	if !c.route.sendsEvents() {
		return false
	}
	m, err := c.route.names.Encode(envelope.Reconnect, nil, inspect.Value, nil)
	return err == nil && c.t.Send(m) == nil
}

// sendsEvents reports whether clients of the route read what they get as events, as far as that is known.
func (rt *route) sendsEvents() (known bool) {
	if !rt.speaksJSON() {
		return false
	}
	known = rt.events != nil || rt.sends != nil
	rt.sent.Range(func(any, any) bool { known = true; return false })
	return known
}
