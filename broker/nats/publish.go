package nats

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	natsgo "github.com/nats-io/nats.go"

	"github.com/wsgate/wsgate/internal/fair"
)

const (
	// outboxBytes bounds what Publish has taken and the network has not.
	outboxBytes = 32 << 20
	// atATime is how many messages are sent before the goroutine that writes looks for something else to do.
	atATime = 64
)

// outgoing is a message that waits to be sent.
type outgoing struct {
	session *session // in which it was taken
	subject string
	message []byte
}

// Publish implements [wsgate.Broker].
func (b *Broker) Publish(topic string, message []byte) error {
	s, err := b.online()
	if err != nil {
		return err
	}
	if int64(len(message)) > s.maxPayload {
		return fmt.Errorf("wsgate/nats: have a message of %d bytes, want at most %d: raise max_payload in the configuration of "+
			"the server", len(message), s.maxPayload)
	}
	loss, err := b.outbox.Put(topic, outgoing{s, b.prefix + topic, bytes.Clone(message)}, len(message))
	if loss.Items > 0 {
		b.lose(loss.Items, loss.Topic, errSlowServer)
	}
	switch err {
	case fair.ErrFull:
		return fmt.Errorf("%w, most of it for %q", errSlowServer, topic)
	case fair.ErrEnded:
		return errClosed
	}
	return nil
}

var errSlowServer = fmt.Errorf("wsgate/nats: the server takes less than is published: %d MiB wait to be sent", outboxBytes>>20)

// sendSome sends messages whose turn it is. It reports false when there will be no more.
func (b *Broker) sendSome(nc *natsgo.Conn) (more bool) {
	b.sending, more = b.outbox.Take(b.sending[:0])
	for _, m := range b.sending {
		b.send(nc, m)
	}
	clear(b.sending)
	return more
}

// send publishes a message in the session in which it was taken. One that came after it does not get it.
func (b *Broker) send(nc *natsgo.Conn, m outgoing) {
	err := m.session.ctx.Err()
	if err == nil {
		err = nc.Publish(m.subject, m.message)
	}
	if err == nil {
		return
	}
	b.lose(1, m.subject[len(b.prefix):], fmt.Errorf("not sent: %w", err))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = nc.ForceReconnect() // the network takes nothing, and the next write would wait for as long again
	}
}
