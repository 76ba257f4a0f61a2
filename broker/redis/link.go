package redis

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/wsgate/wsgate/internal/fair"
)

// link is the use of a server while its connections last.
type link struct {
	broker    *Broker
	node      *node
	server    *server
	tasks     sync.WaitGroup
	out       *fair.Queue[outgoing]
	published chan struct{}   // closed when sending has ended
	wake      chan struct{}   // has an element while topics are doubtful
	have      map[string]bool // topics subscribed on the server; guarded by Broker.mu
	doubtful  map[string]bool // topics whose state may differ from what the App wants; guarded by Broker.mu
}

func newLink(n *node, s *server) *link {
	return &link{
		broker: n.broker, node: n, server: s,
		out:       fair.New[outgoing](n.broker.waiting),
		published: make(chan struct{}),
		wake:      make(chan struct{}, 1),
		have:      map[string]bool{}, doubtful: map[string]bool{},
	}
}

// close ends the link. Unsent messages are lost.
func (l *link) close() {
	l.server.fail(net.ErrClosed)
	l.broker.lose(l.out.Drop(), "", l.server.explain(net.ErrClosed))
	l.server.close()
	l.tasks.Wait()
}

// hooks returns the Pub/Sub hooks, which are called on the goroutine that reads from the server. They do not block.
func (l *link) hooks() rueidis.PubSubHooks {
	prefix := l.broker.prefix
	return rueidis.PubSubHooks{
		OnMessage: func(m rueidis.PubSubMessage) {
			l.broker.arrived(strings.TrimPrefix(m.Channel, prefix), m.Message)
		},
		OnSubscription: func(s rueidis.PubSubSubscription) {
			l.broker.heard(l, strings.TrimPrefix(s.Channel, prefix), !strings.HasSuffix(s.Kind, "unsubscribe"))
		},
	}
}

// doubt schedules the topic for reconcile. The caller holds the lock of the Broker.
func (l *link) doubt(topic string) {
	l.doubtful[topic] = true
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// batch is the number of topics reconciled at a time.
const batch = 500

// reconcile subscribes and unsubscribes topics to match what the App wants. The server confirms the result, see
// [Broker.heard]. Batches are sequential, so that commands for a topic stay in order.
func (l *link) reconcile() {
	tries := backoff{min: l.broker.pauseMin, max: l.broker.pauseMax}
	retry := time.NewTimer(0)
	retry.Stop()
	var refused []string
	for {
		select {
		case <-l.server.broken:
			return
		case <-retry.C:
			l.broker.doubt(l, refused)
			refused = nil
		case <-l.wake:
			join, leave := l.broker.differences(l)
			l.leave(leave)
			more := l.join(join, l.broker.together())
			switch {
			case len(refused) > 0: // the timer is running
			case len(more) > 0:
				retry.Reset(tries.next())
			default:
				tries.reset()
			}
			refused = append(refused, more...)
		}
	}
}

// together is the number of topics per command. In a Redis Cluster, all topics of a command must have the same slot.
func (c *config) together() int {
	if c.cluster {
		return 1
	}
	return batch
}

// join subscribes to topics, several per command. It returns those that the server refuses for now, to be retried.
func (l *link) join(topics []string, together int) (refused []string) {
	parts := slices.Collect(slices.Chunk(topics, together))
	for i, err := range l.tell(parts, l.broker.subscribe) {
		switch {
		case err == nil:
		case !isReply(err): // the connection has ended: the next one subscribes all
			return nil
		case len(parts[i]) > 1: // perhaps because of one of the topics
			refused = append(refused, l.join(parts[i], 1)...)
		case l.broker.refuse(l, parts[i][0], err):
			refused = append(refused, parts[i][0])
		}
	}
	return refused
}

// leave unsubscribes. If the server refuses, it sends messages that nobody receives.
func (l *link) leave(topics []string) {
	l.tell(slices.Collect(slices.Chunk(topics, l.broker.together())), l.broker.unsubscribe)
}

// tell sends one command per part and returns their errors.
func (l *link) tell(parts [][]string, command func(rueidis.Builder, []string) rueidis.Completed) []error {
	commands := make(rueidis.Commands, len(parts))
	for i, topics := range parts {
		channels := make([]string, len(topics))
		for j, topic := range topics {
			channels[j] = l.broker.prefix + topic
		}
		commands[i] = command(l.server.subscriber.B(), channels)
	}
	errs := make([]error, len(parts))
	for i, result := range l.server.subscriber.DoMulti(context.Background(), commands...) {
		errs[i] = result.Error()
	}
	return errs
}

func (c *config) subscribe(b rueidis.Builder, channels []string) rueidis.Completed {
	if c.cluster {
		return b.Ssubscribe().Channel(channels...).Build()
	}
	return b.Subscribe().Channel(channels...).Build()
}

func (c *config) unsubscribe(b rueidis.Builder, channels []string) rueidis.Completed {
	if c.cluster {
		return b.Sunsubscribe().Channel(channels...).Build()
	}
	return b.Unsubscribe().Channel(channels...).Build()
}
