//go:build linux

package load

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/wsgate/wsgate/bench/internal/contender"
)

const fillTimeout = 30 * time.Second

// Pace is a fixed rate of messages in one room.
type Pace struct {
	Members int
	Size    int
	Every   time.Duration // between two messages, however the server fares
	Fill    int           // messages sent one after the other before the measurement
	Stalled bool          // one more member, which never reads
}

// Paced measures how long deliveries take. The fill is more than a connection
// can buffer in the kernel, so that a stalled member really stalls the server.
func Paced(t Target, p Pace, times Times) (Figures, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if p.Stalled {
		idle, err := t.dialer().dial(0, fmt.Sprintf("%s%d", contender.PathRoom, 0), narrow)
		if err != nil {
			return Figures{}, fmt.Errorf("the stalled member: %w", err)
		}
		defer idle.reset()
	}
	e, err := newEngine(t, Traffic{
		Path: contender.PathRoom, Rooms: 1, Members: p.Members, Window: 1, Size: p.Size,
	})
	if err != nil {
		return Figures{}, err
	}
	defer e.close()
	if err := e.fill(p.Fill); err != nil {
		return Figures{}, err
	}
	messages := int(times.Measure / p.Every)
	e.latency = newLatency(e.rooms[0].sent, messages, p.Members)
	before, err := e.reading(t)
	if err != nil {
		return Figures{}, err
	}
	for i := range messages {
		if err := e.publish(e.rooms[0], 1); err != nil {
			return Figures{}, err
		}
		if err := e.pump(before.at.Add(time.Duration(i+1) * p.Every)); err != nil {
			return Figures{}, err
		}
	}
	if err := e.drain(); err != nil {
		return Figures{}, err
	}
	after, err := e.reading(t)
	if err != nil {
		return Figures{}, err
	}
	f := after.since(before)
	f.Checked = e.delivered
	slices.Sort(e.latency.samples)
	f.P50, f.P99 = quantile(e.latency.samples, 0.50), quantile(e.latency.samples, 0.99)
	return f, nil
}

// fill publishes n messages, each when the one before has reached everybody.
func (e *engine) fill(n int) error {
	r := e.rooms[0]
	last := r.sent + uint32(n)
	if err := e.start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(fillTimeout); r.sent < last; {
		if time.Now().After(deadline) {
			return fmt.Errorf("only %d of %d messages were delivered in %v", r.complete(), last, fillTimeout)
		}
		if err := e.loop.poll(pollStep); err != nil {
			return err
		}
	}
	return e.drain()
}

// latency keeps the time from sending to delivery for every delivery.
type latency struct {
	first   uint32 // number of the first message
	start   time.Time
	at      []time.Duration // when each message was sent, since start
	samples []time.Duration
}

func newLatency(first uint32, messages, members int) *latency {
	return &latency{
		first:   first,
		start:   time.Now(),
		at:      make([]time.Duration, 0, messages),
		samples: make([]time.Duration, 0, messages*members),
	}
}

func (l *latency) sent(uint32) { l.at = append(l.at, time.Since(l.start)) }

func (l *latency) received(n uint32) {
	if i := int(n - l.first); i < len(l.at) {
		l.samples = append(l.samples, time.Since(l.start)-l.at[i])
	}
}

// quantile returns one of sorted samples.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1))]
}
