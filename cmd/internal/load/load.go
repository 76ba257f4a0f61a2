// Package load measures how a WebSocket server answers at a given rate of messages.
//
// The load is open-loop: when a message is to be sent is fixed before the measurement begins, and does not depend on
// how fast the server answers. Latency counts from that time, not from when the message could in fact be sent. A
// measurement that sends the next message only after an answer, or forgives itself a late start, would ask a server
// least often just while that is slow, and miss what its users would see ("coordinated omission").
package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Config configures a measurement. All fields are required.
type Config struct {
	Dial        func(context.Context) (*websocket.Conn, error)
	Protocol    Protocol
	Connections int
	ConnectRate float64       // handshakes that begin in a second
	Rate        float64       // messages in a second on each connection
	Duration    time.Duration // for which messages are sent
	Patience    time.Duration // for a handshake, and for answers after the last message
}

// Run is one measurement.
type Run struct {
	config Config
	begin  atomic.Pointer[time.Time] // when sending began; nil before
	tally  tally

	closing atomic.Bool    // connections may end now
	ending  sync.WaitGroup // goroutines of clients
}

// New returns a measurement, for [Run.Do] to do once.
func New(c Config) *Run { return &Run{config: c} }

// haste bounds the wait for answers and closing handshakes after ctx is done.
const haste = time.Second

// Do measures and returns what it found, also if ctx ends it before its time. It closes the connections.
func (r *Run) Do(ctx context.Context) *Result {
	living, cut := context.WithCancel(context.WithoutCancel(ctx)) // the end of ctx does not cut connections
	clients := r.open(ctx, living)
	var elapsed time.Duration
	if len(clients) > 0 && ctx.Err() == nil {
		elapsed = r.measure(ctx, living, clients)
	}
	r.close(clients)
	cut()
	r.ending.Wait()
	return r.result(clients, elapsed)
}

// measure makes every client send. It returns the duration for which messages were due.
func (r *Run) measure(ctx, living context.Context, clients []*client) time.Duration {
	begin := time.Now()
	r.begin.Store(&begin)
	sending, stop := context.WithTimeout(ctx, r.config.Duration+r.config.Patience)
	defer stop()
	for i, c := range clients {
		c.schedule = schedule{
			begin:  begin,
			offset: time.Duration(float64(i) / float64(len(clients)) / r.config.Rate * float64(time.Second)),
			rate:   r.config.Rate,
			end:    r.config.Duration,
		}
		r.ending.Go(func() { c.send(living, sending) })
	}
	return r.wait(ctx, clients, begin)
}

// wait waits until every client has sent everything and has its answers, or there is no time left. It returns for how
// long messages were due, which is less than planned if ctx is done.
func (r *Run) wait(ctx context.Context, clients []*client, begin time.Time) time.Duration {
	finished := make(chan struct{})
	stopped := make(chan struct{})
	r.ending.Go(func() {
		for _, c := range clients {
			select {
			case <-c.finished:
			case <-stopped:
				return
			}
		}
		close(finished)
	})
	defer close(stopped)
	timer := time.NewTimer(time.Until(begin.Add(r.config.Duration + r.config.Patience)))
	defer timer.Stop()
	select {
	case <-finished:
		return r.config.Duration
	case <-timer.C:
		return r.config.Duration
	case <-ctx.Done():
	}
	elapsed := min(time.Since(begin), r.config.Duration)
	timer.Reset(min(haste, r.config.Patience))
	select {
	case <-finished:
	case <-timer.C:
	}
	return elapsed
}

// open opens the connections, each at its time. It returns those that are open when all have been tried or ctx is done.
func (r *Run) open(ctx, living context.Context) []*client {
	var dialing sync.WaitGroup
	var mu sync.Mutex // guards following
	var clients []*client
	begin := time.Now()
	timer := stoppedTimer()
	defer timer.Stop()
	for i := range r.config.Connections {
		if !until(ctx, timer, begin.Add(time.Duration(float64(i)/r.config.ConnectRate*float64(time.Second)))) {
			break
		}
		dialing.Go(func() {
			timed, cancel := context.WithTimeout(ctx, r.config.Patience)
			defer cancel()
			ws, err := r.config.Dial(timed)
			switch {
			case err == nil:
				r.tally.opened.Add(1)
				mu.Lock()
				defer mu.Unlock()
				clients = append(clients, r.client(living, ws))
			case ctx.Err() == nil:
				if errors.Is(err, context.DeadlineExceeded) {
					err = errors.New("no connection in time")
				}
				r.tally.fail(&r.tally.refused, &r.tally.refusal, err)
			}
		})
	}
	dialing.Wait()
	return clients
}

// close closes all connections. Where the server does not answer in time, the closing handshake is left to end by the
// client library's own patience.
func (r *Run) close(clients []*client) {
	r.closing.Store(true)
	var closing sync.WaitGroup
	for _, c := range clients {
		closing.Go(func() { _ = c.ws.Close(websocket.StatusNormalClosure, "") })
	}
	closed := make(chan struct{})
	go func() {
		closing.Wait()
		close(closed)
	}()
	timer := time.NewTimer(haste)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	}
}

func stoppedTimer() *time.Timer {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return timer
}

// until waits for a point in time. It reports false if ctx is done first.
func until(ctx context.Context, timer *time.Timer, when time.Time) bool {
	d := time.Until(when)
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer.Reset(d)
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
