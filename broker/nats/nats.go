// Package nats connects the Apps of a cluster over NATS: its Broker is a [wsgate.Broker] and a [wsgate.PresenceStore].
//
//	broker, err := nats.New("nats://localhost:4222", nil)
//	if err != nil {
//		return err
//	}
//	defer broker.Close()
//	app, err := wsgate.New(root, &wsgate.Options{Broker: broker})
//
// # Servers
//
// Any NATS server or cluster carries messages. Presence needs version 2.11 or newer with JetStream (nats-server -js).
// The rows of all tables are in an in-memory key-value bucket, which the Broker creates when it needs it.
//
// # What it promises
//
// Delivery is at most once. A message is lost when the connection breaks while it is on its way. Messages are also
// lost when they arrive faster than the App takes them, or are published faster than the server takes them. Up to 32
// MiB wait to be sent, and as much for each processor, of at most 8, waits to be received. The topics take turns
// there, and those with the most waiting lose their newest messages: what is sent to rooms other than the flooded ones
// arrives, and soon. [Broker.Dropped] counts the losses that the Broker itself knows of.
//
// The connection is pinged every 3 s. A connection that has not answered for 6 s is replaced, and so is one that takes
// nothing for 3 s. So a network that drops all packets is noticed after 9 s at most. The Broker tries to reconnect
// forever, with growing pauses of up to 2 s. Until then Publish returns an error, and nothing is kept.
//
// A node gets its own messages back. The NoEcho option of nats.go would save that traffic, but then others who share
// the Broker would not get the messages either, and [wsgate.Broker] promises that they do. An App leaves out what it
// has sent.
//
// # Permissions
//
// Whoever can publish to the subjects can send to every client of the App. On a server that others use as well, only
// the Broker's user should be permitted to publish and subscribe to wsgate.>, if [Options].Prefix is wsgate, and for
// presence to publish to $KV.wsgate.> and $JS.API.> and subscribe to _INBOX.>.
//
// # The client
//
// The connection uses github.com/nats-io/nats.go, the client of the NATS project. It knows how the servers encrypt,
// authenticate and move clients elsewhere, and it subscribes again when it reconnects. It holds its lock while it
// writes and while it connects, so any of its methods may block for seconds. Therefore one goroutine of the Broker
// uses the connection for messages and subscriptions, and everything else hands its work to that goroutine. For a
// subscription with a callback, nats.go starts a goroutine that holds up to 64 MB. So all subscriptions share one
// channel here, and a few goroutines with bounded queues. The channel is emptied at once. If that is not soon enough,
// nats.go drops what arrives, whatever its topic; these losses are counted, too.
package nats

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/fair"
)

var (
	_ wsgate.Broker        = (*Broker)(nil)
	_ wsgate.PresenceStore = (*Broker)(nil)
)

// Broker is a [wsgate.Broker] and a [wsgate.PresenceStore] over NATS.
type Broker struct {
	prefix string // of every subject, with its dot
	bucket string
	log    *slog.Logger

	jobs    *queue[job]           // for the goroutine that writes
	outbox  *fair.Queue[outgoing] // likewise
	sending []outgoing            // of that goroutine
	asked   *queue[confirmation]  // for the goroutine that waits for NATS's confirmations
	inbox   *inbox
	losses  losses
	quit    chan struct{} // closed by Close
	closing sync.Once
	tasks   sync.WaitGroup // all goroutines

	mu       sync.RWMutex             // guards following, and fields of sessions and subscriptions that say so
	session  *session                 // nil while there is no connection
	away     error                    // why there is or was none
	topics   map[string]*subscription // that have not ended
	refused  map[string]error         // topics that NATS refused after Subscribe had returned
	refusal  error                    // of one of them
	full     error                    // NATS refused subscriptions without naming them
	heard    error                    // the last permissions violation
	hears    chan struct{}            // closed and replaced when heard changes
	told     error                    // the last state reported to watchers
	watchers map[*watcher]struct{}
	closed   bool
}

var (
	errClosed     = errors.New("wsgate/nats: the Broker is closed")
	errConnecting = errors.New("wsgate/nats: connecting")
)

// tuning holds parameters that only tests change.
type tuning struct {
	arriving  int // messages between nats.go and the inbox
	laneBytes int // in each queue of the inbox
}

var defaults = tuning{arriving: 1 << 16, laneBytes: 32 << 20}

// New makes a Broker for the URL of a server, or of several separated by commas,
//
//	nats://user:password@host:4222
//
// or tls, ws or wss in place of nats. User, password and port may be left out. A Broker that knows one server of a
// cluster learns of the others. New does not wait for the server, see [Broker.Watch].
func New(url string, opts *Options) (*Broker, error) {
	return newBroker(url, opts, defaults)
}

func newBroker(url string, opts *Options, t tuning) (*Broker, error) {
	if opts == nil {
		opts = &Options{}
	}
	b := &Broker{
		log:      opts.Logger,
		jobs:     newQueue[job](),
		outbox:   fair.New[outgoing](outboxBytes),
		sending:  make([]outgoing, 0, atATime),
		asked:    newQueue[confirmation](),
		inbox:    newInbox(t),
		quit:     make(chan struct{}),
		away:     errConnecting,
		told:     errConnecting,
		topics:   map[string]*subscription{},
		refused:  map[string]error{},
		hears:    make(chan struct{}),
		watchers: map[*watcher]struct{}{},
	}
	if b.log == nil {
		b.log = slog.Default()
	}
	conn, err := b.configure(url, opts)
	if err != nil {
		return nil, err
	}
	b.tasks.Go(func() { b.write(conn) })
	b.tasks.Go(b.confirm)
	b.tasks.Go(b.sort)
	for _, l := range b.inbox.lanes {
		b.tasks.Go(func() { b.deliver(l) })
	}
	return b, nil
}

// Close sends what is waiting to be sent, if the network takes it within a few seconds. It returns when everything
// that the Broker has started has ended, including receive functions. After that nothing can be published or
// subscribed.
func (b *Broker) Close() error {
	b.closing.Do(func() {
		b.mu.Lock()
		b.closed = true
		b.mu.Unlock()
		close(b.quit)
		b.tasks.Wait()
	})
	return nil
}
