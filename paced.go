package wsgate

import (
	"context"

	"github.com/wsgate/wsgate/internal/frame"
)

// Paced returns the connection as a target for sending more than its queue holds, such as a history, a file, or a feed
// without a pace of its own. While more than half of [Limits].QueueBytes or QueueMessages is waiting, Emit and Send
// wait until there is space. So they never fill the queue, however slowly the client reads. What is sent in other ways
// meanwhile, such as answers and broadcasts, has the other half. While the queues of all slow clients hold more than
// half of [Limits].TotalQueueBytes, Emit and Send wait until this queue is empty.
//
//	history := c.Paced(ctx)
//	for _, line := range lines {
//		if err := Said.Emit(history, line); err != nil {
//			return err
//		}
//	}
//
// Emit and Send return ctx's error once ctx is done, even if there is nothing to wait for, and [ErrClosed] together
// with the cause once the connection is closing. As with any other target, a client that takes less than
// [Limits].Write requires is disconnected. A handler that waits handles nothing else, so a send that may take long
// belongs on its own goroutine.
func (c *conn) Paced(ctx context.Context) Target { return paced{c, ctx} }

// paced is the target that Conn.Paced returns.
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
