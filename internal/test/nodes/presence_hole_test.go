package nodes_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

var errHole = errors.New("no answer for 6s")

// hole has a network swallow everything between a node and its broker.
func hole(b *kit.Broker) {
	cut(b)
	unanswered := func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	b.Before("Update", unanswered)
	b.Before("Rows", unanswered)
}

// notice has the node's client of the broker notice the hole: 9 s later at most, as broker/nats promises.
func notice(b *kit.Broker) {
	away := func(context.Context, string) error { return errHole }
	b.Before("Publish", away)
	b.Before("Update", away)
	b.Before("Rows", away)
	b.Tell(errHole)
}

// fill undoes both.
func fill(b *kit.Broker) {
	mend(b)
	b.Before("Update", nil)
	b.Before("Rows", nil)
	b.Tell(nil)
}

// behindHole starts a node "others" with ann and a node "alone" with bob, and then swallows what goes to and from the
// second for 11 s, of which its broker notices the last two.
func behindHole(t *testing.T) (broker *wstest.Broker, holed *kit.Broker, ann, bob *wstest.Client) {
	broker = new(wstest.Broker)
	holed = kit.NewBroker(t, &broker.Broker)
	others := startVisitors(t, broker, 1)[0] // says that it lives after 3, 6, 9 s...
	wstest.Pass(500 * time.Millisecond)
	alone := startVisitors(t, holed, 1)[0]
	ann, bob = arrive(others, "ann", "lobby"), arrive(alone, "bob", "lobby")
	wstest.Pass(2400 * time.Millisecond) // to just before the next sign of life
	wstest.Drain(ann, bob)
	hole(holed)
	wstest.Pass(9 * time.Second) // the time it may take to notice
	notice(holed)
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
		fill(holed)
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
