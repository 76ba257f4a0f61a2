package hub

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/transport"
)

const (
	maxConnID     = 64
	maxExceptions = 1 << 10 // exceptions in a message from another node
	maxTrace      = 1 << 9  // bytes of a trace's header
)

// publish sends a message to the members on other nodes. here are the members on this node, nil if there are none.
func (s Set) publish(here *index, m *frame.Message, trace string) error {
	if here == nil && s.name == "" {
		return nil // no user has an empty id
	}
	topic := ""
	if here != nil {
		topic = here.topic
	} else {
		topic = s.topic()
	}
	if max := s.route.limits.QueueBytes; len(m.For(false)) > max {
		return fmt.Errorf("%w: a message of %d bytes, the queue of a connection holds %d", transport.ErrLimit, len(m.Payload()), max)
	}
	except, err := s.remoteExceptions()
	if err != nil {
		return err
	}
	kind := cluster.Data
	if trace != "" && len(trace) <= maxTrace {
		kind = cluster.Traced
	}
	return brokerError(s.route.hub.node.Publish(topic, kind, func(b []byte) []byte {
		if kind == cluster.Traced {
			b = cluster.AppendString(b, trace)
		}
		b = append(b, byte(m.Type()))
		b = appendIDs(b, except)
		return append(b, m.Payload()...)
	}))
}

// remoteExceptions returns the exceptions that may be connections of another node: a process can run several nodes.
func (s Set) remoteExceptions() (except []*Member, err error) {
	for _, m := range s.except {
		if m.route.hub != s.route.hub {
			except = append(except, m)
		}
	}
	if len(except) > maxExceptions {
		return nil, fmt.Errorf("%w: %d exceptions on other nodes, there may be %d", transport.ErrLimit, len(except), maxExceptions)
	}
	return except, nil
}

// handle handles a message from another node for the set.
func (s Set) handle(m cluster.Message) {
	switch {
	case m.Kind == cluster.Data && s.receive(m.Body):
	case m.Kind == cluster.Traced && s.receiveTraced(m.Body):
	case m.Kind == cluster.Presence && s.kind == inRoom && s.route.presence != nil && s.route.presence.Receive(s.name, m.Node, m.Body):
	default:
		s.route.hub.node.Drop(cluster.Invalid)
	}
}

// receive delivers another node's message to the members on this node. It reports false for an invalid message. The
// limits are the same as for Send.
func (s Set) receive(body []byte) bool {
	_, ok := s.deliver(body)
	return ok
}

// receiveTraced is receive for a message with the header of its trace.
func (s Set) receiveTraced(body []byte) bool {
	begun := time.Now()
	trace, body, err := cluster.CutString(body, maxTrace)
	if err != nil {
		return false
	}
	receivers, ok := s.deliver(body)
	h := s.route.hub
	if ok && h.config.Traced != nil {
		took := time.Since(begun)
		h.callbacks.tell(func() { h.config.Traced(trace, s.route.path, receivers, begun, took) })
	}
	return ok
}

// deliver returns the number of members to which the message was sent, or false if it is invalid.
func (s Set) deliver(body []byte) (receivers int, ok bool) {
	if len(body) == 0 {
		return 0, false
	}
	typ := websocket.MessageType(body[0])
	except, payload, ok := cutIDs(body[1:])
	if !ok || len(payload) > s.route.limits.QueueBytes || !frame.ValidData(typ, payload) {
		return 0, false
	}
	m := frame.NewMessage(typ, payload)
	if len(m.For(false)) > s.route.limits.QueueBytes {
		return 0, false
	}
	b := s.route.hub.engine.Broadcast(m, nil, &s.route.counters)
	s.find().each(func(e entry) {
		if len(except) == 0 || !except[e.member.id] {
			b.To(e.t)
			receivers++
		}
	})
	_ = b.End() // as for a broadcast on this node, a slow receiver is not an error
	return receivers, true
}

func appendIDs(b []byte, members []*Member) []byte {
	b = binary.AppendUvarint(b, uint64(len(members)))
	for _, m := range members {
		b = cluster.AppendString(b, m.id)
	}
	return b
}

// cutIDs reads ids written by appendIDs.
func cutIDs(body []byte) (ids map[string]bool, rest []byte, ok bool) {
	count, n := binary.Uvarint(body)
	if n <= 0 || count > maxExceptions {
		return nil, nil, false
	}
	body = body[n:]
	for range count {
		id, rest, err := cluster.CutString(body, maxConnID)
		if err != nil {
			return nil, nil, false
		}
		if ids == nil {
			ids = map[string]bool{}
		}
		ids[id], body = true, rest
	}
	return ids, body, true
}
