package wsgate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/cluster"
	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/local"
)

// neighbors is the App's end of its [Broker].
type neighbors struct {
	*cluster.Node
	store Store    // nil if the Broker is none; without a Broker one in memory
	news  notifier // what the node hears is told here, for it must not block
}

const (
	maxConnID     = 64
	maxExceptions = 1 << 10 // connections that a message from another node may leave out
)

// connect makes the node. Without Options.Broker it is alone.
func (b *builder) connect() {
	var broker Broker
	if b.options.Broker != nil {
		broker = b.app.safe(b.options.Broker)
	}
	most := 0
	for _, rt := range b.app.hub.routes {
		most = max(most, rt.limits.QueueBytes)
	}
	a := b.app
	a.node.Node = cluster.New(broker, most+maxConnID*maxExceptions)
	if broker == nil {
		a.node.store = new(local.Broker)
	} else {
		a.node.store, _ = broker.(Store)
		degraded := b.options.StartWithoutBroker
		a.lifecycle.starts = append(a.lifecycle.starts, hookFunc{run: func(ctx context.Context) error { return a.joinCluster(ctx, degraded) }, bounds: true})
	}
	a.lifecycle.stops = append(a.lifecycle.stops,
		stopFunc{hookFunc: hookFunc{run: a.logSuppressed, method: "the log's handler"}},
		stopFunc{hookFunc: hookFunc{run: a.node.news.stop, method: "Options.OnBroker or the log's handler"}},
		stopFunc{hookFunc{run: a.leaveCluster, bounds: true}, len(a.lifecycle.starts)},
	)
}

func (a *App) joinCluster(ctx context.Context, degraded bool) error {
	err := a.node.Start(ctx, degraded, cluster.Events{
		State: a.brokerChanged, Dead: a.nodeDied, Revived: a.sayAgain, Asked: a.disconnectAsked,
	})
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w; set Options.StartWithoutBroker to start all the same", ErrBroker, err)
}

func (a *App) leaveCluster(ctx context.Context) error {
	for _, rt := range a.hub.routes {
		if rt.presence != nil {
			rt.presence.Close(ctx)
		}
	}
	a.node.Close()
	return nil
}

// brokerChanged hears that the engine is away, or that it is there (again).
func (a *App) brokerChanged(err error) {
	if err == nil {
		a.sayAgain()
	}
	a.node.news.tellState(func() {
		if err != nil {
			a.logError(context.Background(), "wsgate: the broker is away: messages reach the connections of this node only", err)
		} else {
			_ = guard(func() error { a.log.Info("wsgate: the broker is there"); return nil })
		}
		if a.onBroker == nil {
			return
		}
		if err := guard(func() error { a.onBroker(err); return nil }); err != nil {
			a.logError(context.Background(), "wsgate: Options.OnBroker", err)
		}
	})
}

// brokerError is an error with which something could not go to other nodes.
func brokerError(err error) error {
	if err == nil {
		return nil
	}
	var silent *cluster.SilentError
	if errors.As(err, &silent) {
		return fmt.Errorf("%w: %w", ErrSilent, err)
	}
	return fmt.Errorf("%w: %w", ErrBroker, err)
}

// publish sends a message to the members on other nodes. here are those on this one, nil if there are none.
func (r Room) publish(here *members, m *frame.Message) error {
	if here == nil && r.name == "" {
		return nil // nobody has no name
	}
	topic := ""
	if here != nil {
		topic = here.topic
	} else {
		topic = r.topic()
	}
	if most := r.route.limits.QueueBytes; len(m.For(false)) > most {
		return fmt.Errorf("%w: a message of %d bytes, the queue of a connection holds %d", ErrLimit, len(m.Payload()), most)
	}
	except, err := r.elsewhere()
	if err != nil {
		return err
	}
	return brokerError(r.route.app.node.Publish(topic, cluster.Data, func(b []byte) []byte {
		b = append(b, byte(m.Type()))
		b = appendIDs(b, except)
		return append(b, m.Payload()...)
	}))
}

// elsewhere returns those of the room's exceptions that another node may have: a process can have several.
func (r Room) elsewhere() (except []*conn, err error) {
	for _, c := range r.except {
		if c.route.app != r.route.app {
			except = append(except, c)
		}
	}
	if len(except) > maxExceptions {
		return nil, fmt.Errorf("%w: %d exceptions on other nodes, there may be %d", ErrLimit, len(except), maxExceptions)
	}
	return except, nil
}

// topic returns where nodes speak to the room.
func (r Room) topic() string {
	if r.members != nil {
		return r.members.topic
	}
	return r.set.topic(r.name)
}

func appendIDs(b []byte, conns []*conn) []byte {
	b = binary.AppendUvarint(b, uint64(len(conns)))
	for _, c := range conns {
		b = cluster.AppendString(b, c.id)
	}
	return b
}

// cutIDs reads what appendIDs writes.
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

// hears returns what is to be done with what other nodes send to a room.
func (r Room) hears() func(cluster.Message) {
	return func(m cluster.Message) {
		switch {
		case m.Kind == cluster.Data && r.receive(m.Body):
		case m.Kind == cluster.Presence && r.presence() != nil && r.presence().Receive(r.name, m.Node, m.Body):
		default:
			r.route.app.node.Ignore()
		}
	}
}

// presence returns who keeps the members of the room, nil if nobody does.
func (r Room) presence() *tracker {
	if r.kind() != setRoom {
		return nil
	}
	return r.route.presence
}

// receive delivers another node's message to the members on this one. It reports false for what no node sends. The
// limits are those of a message that is sent here.
func (r Room) receive(body []byte) bool {
	if len(body) == 0 {
		return false
	}
	typ := websocket.MessageType(body[0])
	except, payload, ok := cutIDs(body[1:])
	if !ok || len(payload) > r.route.limits.QueueBytes {
		return false
	}
	msg, err := Message{Type: typ, Data: payload}.finished()
	if err != nil || len(msg.For(false)) > r.route.limits.QueueBytes {
		return false
	}
	b := r.route.app.engine.Broadcast(msg, nil)
	r.find().each(func(p place) {
		if len(except) == 0 || !except[p.conn.id] {
			b.To(p.t)
		}
	})
	_ = b.End() // as for a broadcast on this node, a slow receiver is no error
	return true
}
