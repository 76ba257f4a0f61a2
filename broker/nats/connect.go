package nats

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// session is the lifetime of one connection.
type session struct {
	nc         *natsgo.Conn
	maxPayload int64
	ctx        context.Context // done when the session is over, with the cause
	end        context.CancelCauseFunc
	rows       atomic.Pointer[jetstream.KeyValue] // the bucket, once opened

	ready bool // NATS has confirmed all subscriptions; guarded by Broker.mu
}

// job is an operation on the connection, such as a subscription.
type job func(nc *natsgo.Conn)

// write runs the jobs and sends the messages, over successive connections: nats.go gives up a connection for good if
// the server ends it with an unknown error.
func (b *Broker) write(opts natsgo.Options) {
	for {
		nc, gone, err := b.connect(opts)
		if err != nil {
			b.failed(nil, err)
			if !b.sleep(pause(1)) {
				return
			}
			continue
		}
		open := b.work(nc, gone)
		nc.Close()
		<-gone
		if !open {
			return
		}
	}
}

// connect makes a connection that nats.go maintains, and returns after the first attempt. gone is closed when the
// connection has ended for good.
func (b *Broker) connect(opts natsgo.Options) (nc *natsgo.Conn, gone <-chan struct{}, err error) {
	closed := make(chan struct{})
	theirs := opts.ClosedCB
	opts.ClosedCB = func(nc *natsgo.Conn) {
		b.lost(nc, natsgo.ErrConnectionClosed)
		if theirs != nil {
			theirs(nc)
		}
		close(closed)
	}
	var conn atomic.Pointer[natsgo.Conn]
	delay := opts.CustomReconnectDelayCB
	opts.CustomReconnectDelayCB = func(attempts int) time.Duration {
		// nats.go reports failures to dial, but not unexpected answers.
		if nc := conn.Load(); nc != nil && nc.LastError() != nil {
			b.failed(nc, nc.LastError())
		}
		return delay(attempts)
	}
	nc, err = opts.Connect()
	conn.Store(nc)
	return nc, closed, err
}

// work runs the jobs and sends the messages until the connection is gone. It reports false when the Broker is closed
// and nothing is left to send.
func (b *Broker) work(nc *natsgo.Conn, gone <-chan struct{}) (open bool) {
	b.resubscribe(nc)
	for {
		select {
		case <-b.jobs.wake:
			b.workOff(nc)
		case <-b.outbox.Ready():
			b.workOff(nc) // first, so that a flood of messages does not delay subscriptions
			b.sendSome(nc)
		case <-gone:
			return true
		case <-b.quit:
			b.workOff(nc)
			b.sendRest(nc)
			b.finish(nc)
			return false
		}
	}
}

func (b *Broker) workOff(nc *natsgo.Conn) {
	for _, j := range b.jobs.take() {
		j(nc)
	}
}

// sendRest sends the queued messages after Close.
func (b *Broker) sendRest(nc *natsgo.Conn) {
	b.outbox.End()
	for open := true; open; {
		open = b.sendSome(nc)
	}
}

// finish waits until the server has received what was written. Closing alone could lose it: a socket that is closed
// with unread input is reset.
func (b *Broker) finish(nc *natsgo.Conn) {
	b.mu.RLock()
	there := b.session != nil
	b.mu.RUnlock()
	if there {
		_ = nc.FlushTimeout(time.Second) // on failure the messages are lost
	}
}

// sleep reports false if the Broker was closed.
func (b *Broker) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-b.quit:
		return false
	}
}

// connected starts a session, which is ready when NATS has confirmed all existing subscriptions.
func (b *Broker) connected(nc *natsgo.Conn) {
	s := &session{nc: nc, maxPayload: nc.MaxPayload()}
	s.ctx, s.end = context.WithCancelCause(context.Background())
	b.mu.Lock()
	defer b.mu.Unlock()
	b.session, b.full, b.refusal = s, nil, nil
	clear(b.refused)
	b.jobs.add(func(nc *natsgo.Conn) {
		b.asked.add(confirmation{nc, func() { b.begin(s) }})
	})
}

// begin makes the session available.
func (b *Broker) begin(s *session) {
	b.mu.Lock()
	current := b.session == s
	if current {
		s.ready = true
		b.tell()
	}
	b.mu.Unlock()
	if current {
		b.log.Info("wsgate/nats: connected", "server", s.nc.ConnectedUrlRedacted())
	}
}

// lost ends the session.
func (b *Broker) lost(_ *natsgo.Conn, err error) {
	if err == nil {
		err = natsgo.ErrDisconnected
	}
	err = fmt.Errorf("wsgate/nats: no connection: %w", err)
	b.mu.Lock()
	s := b.session
	if s != nil {
		b.session, b.away = nil, err
		s.end(err)
		b.tell()
	}
	closed := b.closed
	b.mu.Unlock()
	if s != nil && !closed {
		b.log.Warn("wsgate/nats: the connection is lost", "err", err)
	}
}

// failed records why an attempt to connect failed.
func (b *Broker) failed(_ *natsgo.Conn, err error) {
	err = fmt.Errorf("wsgate/nats: no connection: %w", err)
	b.mu.Lock()
	first := b.session == nil && b.away == errConnecting
	if b.session == nil {
		b.away = err
		b.tell()
	}
	b.mu.Unlock()
	if first {
		b.log.Warn("wsgate/nats: there is no connection yet", "err", err)
	}
}

// online returns the session, or why none is ready.
func (b *Broker) online() (*session, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	switch {
	case b.closed:
		return nil, errClosed
	case b.session == nil, !b.session.ready:
		return nil, b.away
	}
	return b.session, nil
}
