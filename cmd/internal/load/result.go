package load

import (
	"sync"
	"sync/atomic"
	"time"
)

// tally counts events, from many goroutines.
type tally struct {
	opened, refused, broken atomic.Int64 // connections
	sent, failed, others    atomic.Int64 // messages

	latency histogram    // of answers
	delay   histogram    // from when a message was due until it was sent
	last    atomic.Int64 // when the last answer came, since sending began

	mu                         sync.Mutex // guards following
	refusal, breakage, failure error      // the first of each
}

// fail counts something that went wrong, and keeps the first error.
func (t *tally) fail(count *atomic.Int64, first *error, err error) {
	count.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if *first == nil {
		*first = err
	}
}

func (t *tally) answer(latency, since time.Duration) {
	t.latency.add(latency)
	raise(&t.last, int64(since))
}

// Snapshot is the progress of a measurement.
type Snapshot struct {
	Elapsed                time.Duration // since sending began; 0 before
	Opened, Failed         int64         // connections
	Sent, Answered, Errors int64         // messages
	Latency                *Quantiles    // so far; nil before the first answer
}

// Snapshot may be called while the measurement runs.
func (r *Run) Snapshot() Snapshot {
	s := Snapshot{
		Opened: r.tally.opened.Load(), Failed: r.tally.refused.Load(),
		Sent: r.tally.sent.Load(), Answered: r.tally.latency.count.Load(), Errors: r.tally.failed.Load(),
		Latency: r.tally.latency.quantiles(),
	}
	if begin := r.begin.Load(); begin != nil {
		s.Elapsed = time.Since(*begin)
	}
	return s
}

// Result is the result of a measurement.
type Result struct {
	Opened, Failed, Broken int64 // connections; Broken are those that were open and ended too early

	Sent     int64
	NotSent  int64 // due, but the connection was broken or did not take them in time
	Answered int64
	Errors   int64 // answered with an error
	Lost     int64 // sent and not answered in time
	Others   int64 // messages from the server that answer nothing

	Elapsed time.Duration // from the first message due to the last, or to the last answer if that came later
	Latency *Quantiles    // of answers; nil if there is none
	Delay   *Quantiles    // from when a message was due until it was sent: part of the latency; nil if none was sent

	Refusal, Breakage, Failure error // the first of each kind
}

// Rate returns the answers in a second.
func (r *Result) Rate() float64 {
	if r.Elapsed == 0 {
		return 0
	}
	return float64(r.Answered) / r.Elapsed.Seconds()
}

// result is for when all clients have ended.
func (r *Run) result(clients []*client, elapsed time.Duration) *Result {
	t := &r.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	result := &Result{
		Opened: t.opened.Load(), Failed: t.refused.Load(), Broken: t.broken.Load(),
		Sent: t.sent.Load(), Answered: t.latency.count.Load(), Errors: t.failed.Load(), Others: t.others.Load(),
		Elapsed: max(elapsed, time.Duration(t.last.Load())),
		Latency: t.latency.quantiles(), Delay: t.delay.quantiles(),
		Refusal: t.refusal, Breakage: t.breakage, Failure: t.failure,
	}
	var due int64
	for _, c := range clients {
		due += c.schedule.due(elapsed)
	}
	result.NotSent = max(0, due-result.Sent)
	result.Lost = max(0, result.Sent-result.Answered-result.Errors)
	return result
}
