// Package timerwheel calls many connections at individual times with a single timer.
package timerwheel

import (
	"sync"
	"sync/atomic"
	"time"
)

// A Beater is called when its entry expires. Beat returns the time until the next call, 0 for none; silent returns the
// duration since a moment of the wheel's time. Beat is called on the wheel's goroutine, one at a time, without a lock.
type Beater interface {
	Beat(silent func(since int64) time.Duration) time.Duration
}

// Wheel is a hashed timer wheel (Varghese and Lauck, 1987): adding, moving and removing an entry takes constant time.
// Its timer runs only while it has entries.
//
// The wheel's time counts ticks that have happened, so a process that was suspended or starved does not mistake its own
// pause for silence of its peers.
type Wheel struct {
	tick time.Duration
	now  atomic.Int64

	mu    sync.Mutex // guards following
	slots [slots]Entry
	count int
	timer *time.Timer
	alive bool // the timer is set or its function runs
}

const slots = 256

// Entry is an entry of a wheel, embedded in the object to be called. Its zero value is on no wheel.
type Entry struct {
	prev, next *Entry
	beater     Beater
	due        int64
	gone       bool
}

// New returns a wheel with the given resolution.
func New(tick time.Duration) *Wheel {
	w := &Wheel{tick: tick}
	for i := range w.slots {
		w.slots[i].prev, w.slots[i].next = &w.slots[i], &w.slots[i]
	}
	return w
}

// Now returns the wheel's time.
func (w *Wheel) Now() int64 { return w.now.Load() }

// Add schedules a call of b after d.
func (w *Wheel) Add(e *Entry, b Beater, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e.beater = b
	w.count++
	w.link(e, d)
	if !w.alive {
		w.alive = true
		if w.timer == nil {
			w.timer = time.AfterFunc(w.tick, w.advance)
		} else {
			w.timer.Reset(w.tick)
		}
	}
}

// Remove removes e from the wheel. A call that has begun may still be running afterwards.
func (w *Wheel) Remove(e *Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.beater == nil || e.gone {
		return
	}
	e.gone = true
	w.unlink(e)
	if w.count--; w.count == 0 && w.timer.Stop() {
		w.alive = false
	}
}

// Move schedules the next call of an entry that was added after d, in place of what was scheduled. It has no effect after
// Remove.
func (w *Wheel) Move(e *Entry, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.beater == nil || e.gone {
		return
	}
	w.unlink(e)
	w.link(e, d)
}

// For link and unlink, the caller holds the lock.
func (w *Wheel) link(e *Entry, d time.Duration) {
	e.due = w.Now() + max(1, int64((d+w.tick-1)/w.tick))
	head := &w.slots[e.due%slots]
	e.prev, e.next = head.prev, head
	head.prev.next, head.prev = e, e
}

func (w *Wheel) unlink(e *Entry) {
	if e.next != nil {
		e.prev.next, e.next.prev = e.next, e.prev
		e.prev, e.next = nil, nil
	}
}

// advance advances the wheel by a tick and calls what is due.
func (w *Wheel) advance() {
	now := w.now.Add(1)
	silent := func(since int64) time.Duration { return time.Duration(now-since) * w.tick }
	for _, e := range w.dueAt(now) {
		d := e.beater.Beat(silent)
		w.mu.Lock()
		if d > 0 && !e.gone && e.next == nil { // otherwise Move was called meanwhile
			w.link(e, d)
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.alive = w.count > 0; w.alive {
		w.timer.Reset(w.tick)
	}
}

// dueAt removes and returns the due entries of a slot.
func (w *Wheel) dueAt(now int64) (due []*Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	head := &w.slots[now%slots]
	for e := head.next; e != head; {
		next := e.next
		if e.due <= now {
			w.unlink(e)
			due = append(due, e)
		}
		e = next
	}
	return due
}
