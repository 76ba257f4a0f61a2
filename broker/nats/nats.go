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
// Any server or cluster of NATS carries messages. Presence needs version 2.11 or newer with JetStream (nats-server -js):
// the rows of all tables are in a key-value bucket in memory, which the Broker makes when it needs it.
//
// # What it promises
//
// Delivery is at most once. A message is lost when the connection breaks while it is on its way, and when messages
// arrive faster than the App takes them, or are published faster than the server does. Up to 32 MiB wait to be sent, and
// as many for each processor, of at most 8, to be received. The topics take turns there, and those with most waiting lose
// their newest: what is sent to other rooms than the flooded ones arrives, and soon. [Broker.Dropped] counts what the
// Broker itself knows of.
//
// The connection is pinged every 3 s. One that has not answered for 6 s is replaced, and so is one that takes nothing
// for 3 s; so a network that swallows everything is noticed after 9 s at most. The Broker tries to come back for ever,
// with growing pauses of up to 2 s. What Publish is given in the meantime is refused and not kept.
//
// A node gets its own messages back. That is traffic which the NoEcho of nats.go would save, but then somebody who
// shares the Broker would not get them either, and [wsgate.Broker] promises that. An App leaves out what it has sent.
//
// # Rights
//
// Whoever can publish to the subjects can send to every client of the App. On a server that others use as well, only
// the Broker's user should have the right to publish and subscribe to wsgate.> if [Options].Prefix is wsgate, and for
// presence to publish to $KV.wsgate.> and $JS.API.> and subscribe to _INBOX.>.
//
// # The client
//
// The connection is that of github.com/nats-io/nats.go, the client of the NATS project: it knows the servers' ways to
// encrypt, authenticate and move clients elsewhere, and subscribes again when it reconnects. It writes, and connects,
// with its lock held, so that any of its methods may block for seconds; therefore one goroutine of the Broker uses the
// connection for messages and subscriptions, and everybody else leaves it a job. For a subscription with a callback it
// starts a goroutine, which holds up to 64 MB; so all subscriptions share one channel here, and a few goroutines with
// bounded queues. The channel is emptied at once. Should that not be soon enough, nats.go drops what comes, whatever its
// topic; that counts, too.
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
	asked   *queue[confirmation]  // for the goroutine that asks whether NATS has what was written
	inbox   *inbox
	losses  losses
	quit    chan struct{} // closed by Close
	closing sync.Once
	tasks   sync.WaitGroup // all goroutines

	mu       sync.RWMutex             // guards following, and what sessions and subscriptions say that it guards
	session  *session                 // nil while there is no connection
	away     error                    // why there is none, or was none
	topics   map[string]*subscription // that have not ended
	refused  map[string]error         // topics that NATS refuses, after Subscribe has returned
	refusal  error                    // of one of them
	full     error                    // NATS has refused subscriptions, and did not say which
	heard    error                    // the last violation of permissions
	hears    chan struct{}            // closed and replaced when heard changes
	told     error                    // the last state that watchers were told
	watchers map[*watcher]struct{}
	closed   bool
}

var (
	errClosed     = errors.New("wsgate/nats: the Broker is closed")
	errConnecting = errors.New("wsgate/nats: connecting")
)

// tuning is what only tests change.
type tuning struct {
	arriving  int // messages between nats.go and the inbox
	laneBytes int // in each queue of the inbox
}

var defaults = tuning{arriving: 1 << 16, laneBytes: 32 << 20}

// New makes a Broker for the URL of a server, or of several with commas between them,
//
//	nats://user:password@host:4222
//
// or tls, ws or wss in place of nats. User, password and port may be left out; a Broker that knows one server of a
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

// Close sends what waits to be sent, if the network takes it within a few seconds, and returns when everything that the
// Broker has started has ended, receive functions included. Then nothing can be published or subscribed any more.
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
