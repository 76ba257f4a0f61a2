//go:build linux

package load

import (
	"fmt"

	"github.com/wsgate/wsgate/bench/internal/wire"
)

// room is a set of connections that all receive what the first one sends. An
// echo is a room with one member.
type room struct {
	first   int // index of the publisher among the loop's connections
	members int
	request wire.Request

	sent      uint32 // messages published
	delivered uint64 // deliveries counted at all members
	full      uint64 // deliveries that complete the oldest outstanding message
}

// complete is how many messages as many deliveries as were counted make up.
func (r *room) complete() uint32 { return uint32(r.delivered / uint64(r.members)) }

// outstanding is how many messages are under way.
func (r *room) outstanding() int { return int(r.sent - r.complete()) }

// missing is how many deliveries are still to come.
func (r *room) missing() uint64 { return uint64(r.sent)*uint64(r.members) - r.delivered }

// publish sends n numbered messages in one write.
func (e *engine) publish(r *room, n int) error {
	if n <= 0 {
		return nil
	}
	e.scratch = e.scratch[:0]
	for range n {
		r.request.SetSequence(r.sent)
		e.scratch = append(e.scratch, r.request.Bytes...)
		if e.latency != nil {
			e.latency.sent(r.sent)
		}
		r.sent++
	}
	return e.loop.write(r.first, e.scratch)
}

// count counts the messages in one of the WebSocket's, and checks each.
func (e *engine) count(c *conn, payload []byte) error {
	for len(payload) > 0 {
		var message []byte
		message, payload = e.dialect.Next(payload)
		if message == nil {
			continue
		}
		if len(message) != e.traffic.Size {
			return fmt.Errorf("a message of %d bytes instead of %d: %.80q", len(message), e.traffic.Size, message)
		}
		n, ok := wire.Sequence(message)
		if !ok {
			return fmt.Errorf("a message without a number: %.80q", message)
		}
		if n != c.next && c.synced {
			return fmt.Errorf("message %d where %d was due", n, c.next)
		}
		c.next, c.synced = n+1, true
		c.room.delivered++
		e.delivered++
		if e.latency != nil {
			e.latency.received(n)
		}
	}
	return nil
}
