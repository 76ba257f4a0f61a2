package load

import (
	"context"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// client is one connection.
type client struct {
	run      *Run
	ws       *websocket.Conn
	schedule schedule
	finished chan struct{} // closed when all messages are sent and answered

	mu      sync.Mutex          // guards following
	waiting map[uint64]struct{} // messages without an answer
	oldest  uint64              // lower bound of the numbers in waiting
	next    uint64              // number of the next message to send
	sealed  bool                // nothing more will be sent
	broken  bool
}

// client returns a client with a running reader.
func (r *Run) client(living context.Context, ws *websocket.Conn) *client {
	c := &client{run: r, ws: ws, finished: make(chan struct{}), waiting: map[uint64]struct{}{}}
	r.ending.Go(func() { c.read(living) })
	return c
}

// send sends every message when it is due, as far as the server accepts them, until sending is done.
func (c *client) send(living, sending context.Context) {
	defer c.seal()
	timer := stoppedTimer()
	defer timer.Stop()
	for n := uint64(0); c.schedule.has(n); n++ {
		text, err := c.run.config.Protocol.Request(n)
		if err != nil {
			c.fail(err)
			return
		}
		if !until(sending, timer, c.schedule.at(n)) || !c.expect(n) {
			return
		}
		c.run.tally.delay.add(time.Since(c.schedule.at(n)))
		if err := c.ws.Write(living, websocket.MessageText, text); err != nil {
			c.fail(err)
			return
		}
		c.run.tally.sent.Add(1)
	}
}

// read counts what arrives until the connection ends.
func (c *client) read(living context.Context) {
	tally := &c.run.tally
	for {
		kind, data, err := c.ws.Read(living)
		if err != nil {
			c.fail(err)
			return
		}
		if c.run.closing.Load() {
			continue // late: a server may answer while the connection closes
		}
		arrived := time.Now()
		reply := c.run.config.Protocol.Read(kind, data)
		n, ok := c.take(reply)
		switch {
		case !ok:
			tally.others.Add(1)
		case reply.Kind == Failure:
			tally.fail(&tally.failed, &tally.failure, reply.Err)
		default:
			tally.answer(arrived.Sub(c.schedule.at(n)), arrived.Sub(c.schedule.begin))
		}
		c.settle()
	}
}

// expect records that message n is about to be sent, since its answer may arrive before the write returns. It reports
// false if the connection has ended.
func (c *client) expect(n uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		return false
	}
	c.waiting[n] = struct{}{}
	c.next = n + 1
	return true
}

// take returns the number of the message that a reply answers, if that message still waits for an answer.
func (c *client) take(r Reply) (n uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.Kind {
	case Other:
		return 0, false
	case Next:
		for c.oldest < c.next && !c.waits(c.oldest) {
			c.oldest++
		}
		n = c.oldest
	default:
		n = r.N
	}
	ok = c.waits(n)
	delete(c.waiting, n)
	return n, ok
}

// waits reports whether a message waits for an answer. The caller holds the lock.
func (c *client) waits(n uint64) bool {
	_, ok := c.waiting[n]
	return ok
}

// seal records that nothing more will be sent.
func (c *client) seal() {
	c.mu.Lock()
	c.sealed = true
	c.mu.Unlock()
	c.settle()
}

// fail records that the connection has ended, and counts that as broken unless it was expected.
func (c *client) fail(err error) {
	c.mu.Lock()
	first := !c.broken
	c.broken = true
	c.mu.Unlock()
	if first && !c.run.closing.Load() {
		c.run.tally.fail(&c.run.tally.broken, &c.run.tally.breakage, err)
	}
	c.settle()
}

// settle closes finished if the client is done.
func (c *client) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.broken && (!c.sealed || len(c.waiting) > 0) {
		return
	}
	select {
	case <-c.finished:
	default:
		close(c.finished)
	}
}
