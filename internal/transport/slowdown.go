package transport

import (
	"time"

	"github.com/wsgate/wsgate/internal/rate"
)

// slowDown is called by the reader when the client has sent more than its rate, which the time of arrival says. It
// returns how much too soon the last message is by now. When the client is ahead by more than some messages, slowDown waits
// first: what is refused must not cost more than what is handled, so it is not read any faster.
func (c *Conn) slowDown() time.Duration {
	wait, refused := c.tooSoon(), c.limits.Rate.Margin()
	if wait <= refused {
		return wait
	}
	c.cycle.end(c) // answers do not wait for that
	c.in.lead.giveUp()
	timer := time.NewTimer(wait - refused)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ctx.Done():
	}
	return c.tooSoon()
}

func (c *Conn) tooSoon() time.Duration {
	c.in.meter.now = rate.Now()
	return c.rates.messages.Wait(c.limits.Rate, c.in.meter.now)
}
