package wsgate

import (
	"context"

	"github.com/wsgate/wsgate/internal/hub"
)

// Broker connects the Apps of a cluster over an engine such as NATS or Redis: what is sent to a room on one node
// reaches the room's members on every node. Options.Broker takes one; packages broker/nats and broker/redis make
// them, and package broker/brokertest has the tests that every implementation passes.
//
// Where messages wait, in either direction, the topics take turns. When there is no room, the topics lose that have most
// waiting, and no others; a method Dropped() uint64 counts what Publish has taken and is lost as far as is known.
//
// Delivery is at most once. The App itself keeps the order, leaves out what it has sent itself, and checks everything
// that arrives; a Broker only carries bytes. Topics consist of ASCII letters, digits, '-', '_', '=' and single dots
// between them, and have at most 2,048 bytes. The methods may be called from any goroutine.
type Broker interface {
	// Publish sends a message to every subscriber of the topic, through the engine also to this one: by its own messages
	// the App knows that the engine still delivers. It does not wait for the engine, and does not keep the message, nor
	// change it. While the engine is away it returns an error at once, and nothing is sent later; it returns one as well
	// when too much of the topic waits to be sent. What one goroutine publishes to a topic arrives in that order.
	Publish(topic string, message []byte) error

	// Subscribe has receive called for every message that is published to the topic after Subscribe has returned, until
	// unsubscribe is called; a call that runs then may still end. Calls for one topic do not overlap. receive does not
	// block, and neither changes the message nor keeps it when it returns.
	//
	// Subscribe returns when the engine has confirmed the subscription. While the engine is away it returns without an
	// error, and the subscription is made when the engine is back, as are all others, in batches. An error means that
	// the engine refuses, or that ctx ended first; then there is no subscription.
	//
	// The App subscribes to a topic once at a time: it calls unsubscribe before it subscribes to the topic again.
	// unsubscribe does not wait for the engine.
	Subscribe(ctx context.Context, topic string, receive func(message []byte)) (unsubscribe func(), err error)

	// Watch has changed called with the state of the engine, first before Watch returns and then whenever it changes,
	// until stop is called: nil while the engine is there and has all subscriptions, else why it is not. A Broker tries
	// to come back for ever. Calls do not overlap, and changed does not block.
	Watch(changed func(err error)) (stop func())
}

// PresenceStore is what a [Broker] has to be as well for presence, see [Track]: tables that all nodes share. Tables and rows
// are named like topics. A row is kept for at least an hour after it was written, and not for ever.
//
// If a gateway tracks, the App tries it at the start and whenever the engine has come back: it writes a row of a table that
// no other node uses, reads the table, and deletes the row. An error keeps the App from starting, or from being [App.Ready];
// its text is for the one who runs the program, and says what the engine lacks.
type PresenceStore interface {
	// Update writes rows of a table, and deletes those whose value is nil. It returns when the engine has them, or an
	// error; then some of them may be written.
	Update(ctx context.Context, table string, rows map[string][]byte) error

	// Rows returns a table's rows, without the deleted ones. A table that nobody wrote to has none.
	Rows(ctx context.Context, table string) (map[string][]byte, error)
}

var (
	// ErrBroker is the error of what could not go to other nodes because the engine behind [Options].Broker is away, or
	// refuses. What was sent has reached the connections of this node.
	ErrBroker = hub.ErrBroker

	// ErrNoResponse is the error of a question to all nodes that some did not answer. Its text names them. What the others
	// answered, or did, counts.
	ErrNoResponse = hub.ErrNoResponse
)
