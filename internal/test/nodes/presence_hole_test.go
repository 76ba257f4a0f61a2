package nodes_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate/wstest"
)

var errHole = errors.New("no answer for 6s")

// holedBroker is the broker of a node between which and the engine a network swallows everything. It notices after 9 s,
// as broker/nats promises at most.
type holedBroker struct {
	*wstest.Broker

	mu    sync.Mutex // guards following
	hole  bool
	away  error
	watch func(error)
}

func (b *holedBroker) state() (hole bool, away error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hole, b.away
}

func (b *holedBroker) set(hole bool, away error) {
	b.mu.Lock()
	changed := b.away != away
	b.hole, b.away = hole, away
	b.mu.Unlock()
	if changed {
		b.watch(away)
	}
}

func (b *holedBroker) Publish(topic string, message []byte) error {
	hole, away := b.state()
	if hole || away != nil {
		return away
	}
	return b.Broker.Publish(topic, message)
}

func (b *holedBroker) Subscribe(ctx context.Context, topic string, receive func([]byte)) (func(), error) {
	return b.Broker.Subscribe(ctx, topic, func(message []byte) {
		if hole, _ := b.state(); !hole {
			receive(message)
		}
	})
}

func (b *holedBroker) Watch(changed func(error)) func() {
	b.watch = changed
	changed(nil)
	return func() {}
}

func (b *holedBroker) Update(ctx context.Context, table string, rows map[string][]byte) error {
	if err := b.wait(ctx); err != nil {
		return err
	}
	return b.Broker.Update(ctx, table, rows)
}

func (b *holedBroker) Rows(ctx context.Context, table string) (map[string][]byte, error) {
	if err := b.wait(ctx); err != nil {
		return nil, err
	}
	return b.Broker.Rows(ctx, table)
}

func (b *holedBroker) wait(ctx context.Context) error {
	hole, away := b.state()
	if away != nil {
		return away
	}
	if hole {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// behindHole starts a node "others" with ann and a node "alone" with bob, and then swallows what goes to and from the
// second for 11 s, of which its broker notices the last two.
func behindHole(t *testing.T) (broker *wstest.Broker, holed *holedBroker, ann, bob *wstest.Client) {
	broker = new(wstest.Broker)
	holed = &holedBroker{Broker: broker}
	others := startVisitors(t, broker, 1)[0] // says that it lives after 3, 6, 9 s...
	wstest.Pass(500 * time.Millisecond)
	alone := startVisitors(t, holed, 1)[0]
	ann, bob = arrive(others, "ann", "lobby"), arrive(alone, "bob", "lobby")
	wstest.Pass(2400 * time.Millisecond) // to just before the next sign of life
	wstest.Drain(ann, bob)
	holed.set(true, nil)
	wstest.Pass(9 * time.Second) // the time it may take to notice
	holed.set(true, errHole)
	wstest.Pass(2 * time.Second)
	return broker, holed, ann, bob
}

// A node from which the network is gone leaves the users of others as they are.
func TestPresenceBehindHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, _, bob := behindHole(t)
		wstest.Quiet(bob)
	})
}

// When the network is back, the PresenceStore has the users of all nodes.
func TestPresenceAfterHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker, holed, ann, bob := behindHole(t)
		holed.set(false, nil)
		wstest.Pass(3 * time.Second)
		rows, err := broker.Rows(t.Context(), "presence.=2Fws.lobby")
		if err != nil || len(rows) != 2 {
			t.Errorf("3s after the network is back the PresenceStore has %d rows, %v, want those of ann and bob", len(rows), err)
		}
		third := startVisitors(t, broker, 1)[0]
		if got := members(t, third, "lobby"); got != "ann bob" {
			t.Errorf("a new node is told that %q are there, want ann and bob", got)
		}
		wstest.Drain(ann, bob)
	})
}
