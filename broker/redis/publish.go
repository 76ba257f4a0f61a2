package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/wsgate/wsgate/internal/fair"
)

// outgoing is a message that waits to be sent.
type outgoing struct{ topic, message string }

// pipeline is the number of messages sent before their replies are read. Later messages wait.
const pipeline = 256

var (
	errSlowServer = errors.New("wsgate/redis: too many messages wait to be sent: the server is slower than the App")
	errEnded      = errors.New("wsgate/redis: the connection has just ended")
)

// Publish implements [wsgate.Broker]. It also returns an error when too many messages are waiting to be sent.
func (b *Broker) Publish(topic string, message []byte) error {
	l, err := b.linkFor(b.prefix + topic)
	if err != nil {
		return err
	}
	loss, err := l.out.Put(topic, outgoing{topic, string(message)}, len(message))
	if loss.Items > 0 {
		b.lose(loss.Items, loss.Topic, errSlowServer)
	}
	switch err {
	case fair.ErrFull:
		return fmt.Errorf("%w, most of it for %q", errSlowServer, topic)
	case fair.ErrEnded:
		return errEnded
	}
	return nil
}

// publish sends the queue in order, one pipeline at a time.
func (l *link) publish() {
	defer close(l.published)
	batch := make([]outgoing, 0, pipeline)
	for open := true; open; {
		<-l.out.Ready()
		batch, open = l.out.Take(batch[:0])
		l.send(batch)
		clear(batch)
	}
}

func (l *link) send(batch []outgoing) {
	if len(batch) == 0 {
		return
	}
	client := l.server.client
	commands := make(rueidis.Commands, len(batch))
	for i, m := range batch {
		commands[i] = l.broker.publish(client.B(), m)
	}
	var lost int
	var topic string
	var why error
	for i, result := range client.DoMulti(context.Background(), commands...) {
		if err := result.Error(); err != nil {
			lost++
			topic, why = batch[i].topic, err
		}
	}
	if lost > 0 {
		l.broker.lose(lost, topic, l.server.explain(why))
		l.broker.survey.look() // the slot may have moved
	}
}

func (c *config) publish(b rueidis.Builder, m outgoing) rueidis.Completed {
	channel := c.prefix + m.topic
	if c.cluster {
		return b.Spublish().Channel(channel).Message(m.message).Build()
	}
	return b.Publish().Channel(channel).Message(m.message).Build()
}
