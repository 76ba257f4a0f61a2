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
	// outboxBytes bounds what Publish has accepted and the network has not.
	outboxBytes = 32 << 20
	// atATime is the number of messages sent before the writing goroutine checks for other work.
	atATime = 64
)

// outgoing is a message that waits to be sent.
type outgoing struct {
	session *session // in which it was accepted
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

// sendSome sends the next messages. It reports false when there will be no more.
func (b *Broker) sendSome(nc *natsgo.Conn) (more bool) {
	b.sending, more = b.outbox.Take(b.sending[:0])
	for _, m := range b.sending {
		b.send(nc, m)
	}
	clear(b.sending)
	return more
}

// send publishes a message in the session in which it was accepted. A later session does not send it.
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
		_ = nc.ForceReconnect() // the network accepts nothing, and the next write would time out as well
	}
}
