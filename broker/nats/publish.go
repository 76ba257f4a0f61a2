package nats

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	natsgo "github.com/nats-io/nats.go"
)

// outboxBytes bounds what Publish has taken and the network has not.
const outboxBytes = 32 << 20

// overhead is about what a message takes in a queue besides its bytes.
const overhead = 200

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
	size := len(message) + len(topic) + overhead
	subject, message := b.prefix+topic, bytes.Clone(message)
	send := func(nc *natsgo.Conn) { b.send(s, nc, subject, message) }
	if !b.outbox.offer(job{send, size}, size, outboxBytes) {
		return fmt.Errorf("wsgate/nats: the server takes less than is published: %d MiB wait to be sent", outboxBytes>>20)
	}
	return nil
}

// send publishes what was taken in the session. One that came after it does not get it.
func (b *Broker) send(s *session, nc *natsgo.Conn, subject string, message []byte) {
	err := s.ctx.Err()
	if err == nil {
		err = nc.Publish(subject, message)
	}
	if err == nil {
		return
	}
	b.lose(1, fmt.Errorf("not sent: %w", err))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = nc.ForceReconnect() // the network takes nothing, and the next write would wait for as long again
	}
}
