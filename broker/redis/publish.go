package redis

import (
	"context"
	"errors"

	"github.com/redis/rueidis"
)

// outgoing is a message that waits to be sent.
type outgoing struct{ channel, message string }

var errSlowServer = errors.New("wsgate/redis: too many messages wait to be sent: the server is slower than the App")

// Publish implements [wsgate.Broker]. It returns an error as well when too many messages wait to be sent.
func (b *Broker) Publish(topic string, message []byte) error {
	m := outgoing{b.prefix + topic, string(message)}
	l, err := b.place(m.channel)
	if err != nil {
		return err
	}
	switch err := l.out.put(m, len(m.channel)+len(m.message)); err {
	case errFull:
		return errSlowServer
	default:
		return err
	}
}

// publish sends what waits, all of it in one pipeline and in order.
func (l *link) publish() {
	defer close(l.published)
	client := l.server.client
	for batch := l.out.take(nil); len(batch) > 0; batch = l.out.take(batch) {
		commands := make(rueidis.Commands, len(batch))
		for i, m := range batch {
			commands[i] = l.broker.publish(client.B(), m)
		}
		var lost int
		var why error
		for _, result := range client.DoMulti(context.Background(), commands...) {
			if err := result.Error(); err != nil {
				lost++
				why = err
			}
		}
		if lost > 0 {
			l.broker.lose(lost, l.server.explain(why))
			l.broker.survey.look() // the slot may have moved
		}
	}
}

func (c *config) publish(b rueidis.Builder, m outgoing) rueidis.Completed {
	if c.cluster {
		return b.Spublish().Channel(m.channel).Message(m.message).Build()
	}
	return b.Publish().Channel(m.channel).Message(m.message).Build()
}
