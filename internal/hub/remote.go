package hub

import (
	"encoding/binary"
	"fmt"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/transport"
)

const (
	maxConnID     = 64
	maxExceptions = 1 << 10 // exceptions in a message from another node
)

// publish sends a message to the members on other nodes. here are the members on this node, nil if there are none.
func (s Set) publish(here *index, m *frame.Message) error {
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
	return brokerError(s.route.hub.node.Publish(topic, cluster.Data, func(b []byte) []byte {
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
	case m.Kind == cluster.Presence && s.kind == inRoom && s.route.presence != nil && s.route.presence.Receive(s.name, m.Node, m.Body):
	default:
		s.route.hub.node.Drop(cluster.Invalid)
	}
}

// receive delivers another node's message to the members on this node. It reports false for an invalid message. The
// limits are the same as for Send.
func (s Set) receive(body []byte) bool {
	if len(body) == 0 {
		return false
	}
	typ := websocket.MessageType(body[0])
	except, payload, ok := cutIDs(body[1:])
	if !ok || len(payload) > s.route.limits.QueueBytes || !frame.ValidData(typ, payload) {
		return false
	}
	m := frame.NewMessage(typ, payload)
	if len(m.For(false)) > s.route.limits.QueueBytes {
		return false
	}
	b := s.route.hub.engine.Broadcast(m, nil, &s.route.counters)
	s.find().each(func(e entry) {
		if len(except) == 0 || !except[e.member.id] {
			b.To(e.t)
		}
	})
	_ = b.End() // as for a broadcast on this node, a slow receiver is not an error
	return true
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
