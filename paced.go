package wsgate

import (
	"context"

	"github.com/wsgate/wsgate/internal/frame"
)

// Paced returns the connection as a target for more than its queue holds: a history, a file, a feed without a pace of its
// own. What is sent to it is queued when there is room, and Emit and Send wait for that while more than half of
// [Limits].QueueBytes or QueueMessages is waiting, so that they never fill the queue, however slowly the client reads.
// What is sent in other ways meanwhile, as answers and broadcasts, has the other half. While the queues of all slow
// clients hold more than half of [Limits].TotalQueueBytes, they wait until this queue is empty.
//
//	history := c.Paced(ctx)
//	for _, line := range lines {
//		if err := Said.Emit(history, line); err != nil {
//			return err
//		}
//	}
//
// They return ctx's error once that is done, also where there is nothing to wait for, and [ErrClosed] together with the
// cause once the connection is closing. A client that takes less than [Limits].Write asks for is given up, as ever. A
// handler that waits handles nothing else, so a send that may take long belongs in a goroutine of its own.
func (c *conn) Paced(ctx context.Context) Target { return paced{c, ctx} }

// paced is a connection whose sender waits for it.
type paced struct {
	c   *conn
	ctx context.Context
}

func (p paced) Send(m Message) error {
	return p.deliver(func(*route) (*frame.Message, error) { return m.finished() })
}

func (p paced) deliver(encode encoder) error {
	m, err := encode(p.c.route)
	if err != nil {
		return err
	}
	return p.c.t.SendPaced(p.ctx, m)
}
