package wsgate

import (
	"context"

	"github.com/wsgate/wsgate/internal/hub"
)

// Broker connects the Apps of a cluster over a message broker such as NATS or Redis: what is sent to a room on one
// node reaches the room's members on every node. Options.Broker takes one. Packages broker/nats and broker/redis have
// implementations, and package broker/brokertest has the tests that every implementation passes.
//
// Where messages wait, in either direction, the topics take turns. When there is no space left, messages are dropped
// from the topics that have the most waiting, and from no others. A method Dropped() uint64 counts the messages that
// Publish has accepted and that are known to be lost.
//
// Delivery is at most once. The App itself keeps the order, leaves out what it has sent itself, and checks everything
// that arrives; a Broker only carries bytes. Topics consist of ASCII letters, digits, '-', '_', '=' and single dots
// between them, and have at most 2,048 bytes. The methods may be called from any goroutine.
type Broker interface {
	// Publish sends a message to every subscriber of the topic. Subscribers in this process get it through the message
	// broker as well: the App sees from its own messages that the message broker still delivers. Publish does not wait
	// for the message broker. It neither keeps nor changes the message. It returns an error at once while the message
	// broker is away, and nothing is sent later. It also returns an error when too much is waiting to be sent for the
	// topic. What one goroutine publishes to a topic arrives in that order.
	Publish(topic string, message []byte) error

	// Subscribe calls receive for every message that is published to the topic after Subscribe has returned, until
	// unsubscribe is called; a call that is running then may still finish. Calls for one topic do not overlap. receive
	// does not block. It does not change the message, and does not keep it after it returns.
	//
	// Subscribe returns when the message broker has confirmed the subscription. While the message broker is away,
	// Subscribe returns without an error. The subscription is made when the message broker is back, as are all others, in
	// batches. An error means that the message broker refuses, or that ctx ended first; then there is no subscription.
	//
	// The App subscribes to a topic once at a time: it calls unsubscribe before it subscribes to the topic again.
	// unsubscribe does not wait for the message broker.
	Subscribe(ctx context.Context, topic string, receive func(message []byte)) (unsubscribe func(), err error)

	// Watch calls changed with the state of the message broker, first before Watch returns and then whenever it changes,
	// until stop is called. The state is nil while the message broker is available and has all subscriptions; otherwise
	// it is an error that says why not. A Broker tries to reconnect forever. Calls do not overlap, and changed does not
	// block.
	Watch(changed func(err error)) (stop func())
}

// PresenceStore is what a [Broker] must also implement for presence, see [Track]: tables that all nodes share. Names
// of tables and rows follow the rules for topics. A row is kept for at least an hour after it was written, but not
// forever.
//
// If a gateway tracks, the App tests the store when it starts and whenever the message broker is back: it writes a row
// of a table that no other node uses, reads the table, and deletes the row. An error keeps the App from starting, or
// from being [App.Ready]. Its text is for the operator, and says what the message broker lacks.
type PresenceStore interface {
	// Update writes rows of a table, and deletes those whose value is nil. It returns when the message broker has stored
	// them. If it returns an error, some of them may be written.
	Update(ctx context.Context, table string, rows map[string][]byte) error

	// Rows returns a table's rows, without the deleted ones. A table that was never written to has none.
	Rows(ctx context.Context, table string) (map[string][]byte, error)
}

var (
	// ErrBroker is the error for what could not be sent to other nodes because the message broker behind [Options].Broker
	// is away, or refuses. What was sent has reached the connections of this node.
	ErrBroker = hub.ErrBroker

	// ErrNoResponse is the error of a request to all nodes that some did not answer. Its text names them. What the other
	// nodes answered, or did, is still valid.
	ErrNoResponse = hub.ErrNoResponse
)
