package cluster

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgate/wsgate/internal/fair"
)

const (
	tick = time.Second
	// beatEvery is the interval between a node's heartbeats.
	beatEvery = 3 * time.Second
	// deadAfter is the silence after which a node is declared dead. The others notice within another tick.
	deadAfter = 10 * time.Second
	// silentAfter is the silence after which a node's state may be outdated.
	silentAfter = 2*beatEvery + tick

	// stoppedFor is the gap between ticks that means that this process was suspended.
	stoppedFor = 3 * tick
	// deafAfter is how long a node receives none of its own messages until it assumes that it receives nothing, and so
	// declares no other node dead.
	deafAfter = beatEvery + tick
	// forgottenAfter is how long a node is suspended or deaf until others may have declared it dead: its last heartbeat
	// is up to beatEvery older.
	forgottenAfter = deadAfter - beatEvery

	// inboxBytes bounds the loop's inbox, so that a node that floods it does not crowd out the others.
	inboxBytes = 8 << 20
)

// Events are the callbacks of a node. They are called one at a time and must not block: while one runs, the node sends
// no heartbeat.
type Events struct {
	State   func(err error)   // the message broker is available (nil) or away
	Dead    func(node string) // a node has left or was declared dead
	Revived func()            // the others have declared this node dead and dropped its state

	// OnRequest answers a request of another node with yes or no; ok is false if it is invalid, and so not answered.
	OnRequest func(body []byte) (yes, ok bool)
}

// loop is the goroutine that handles membership and requests.
type loop struct {
	events  Events
	inbox   *fair.Queue[Message] // by node
	wake    chan struct{}        // capacity 1: the state has changed
	done    chan struct{}        // closed by Close
	ended   sync.WaitGroup
	unwatch func()

	echoed  atomic.Bool // one of this node's own messages came back since the last tick
	silence int         // ticks without one; used by the loop only
	away    bool        // the state last handled; used by the loop only
	mute    atomic.Bool // the message broker accepts messages but delivers none; set under mu

	mu     sync.Mutex    // guards following
	broker error         // state reported by the Broker
	states []error       // not yet handled by the loop
	known  chan struct{} // closed when the message broker was first available
}

// errMute is the state of a message broker that is connected but delivers nothing.
var errMute = fmt.Errorf("what this node publishes has not come back for %v", deadAfter)

// state returns the state of the message broker. The caller holds the lock.
func (l *loop) state() error {
	if l.broker == nil && l.mute.Load() {
		return errMute
	}
	return l.broker
}

// nodesTopic is the topic for messages to all nodes, nodeTopic the one for answers to one node.
var nodesTopic = Topic("nodes")

func nodeTopic(id string) string { return Topic("node", id) }

// Start joins the cluster. It waits until the message broker is available, until ctx is done or, if ctx has more time,
// for startWithin. With degraded set, it waits only a moment, and it is not an error if the message broker is still
// away. After an error there is nothing to close.
func (n *Node) Start(ctx context.Context, degraded bool, events Events) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	l := &n.loop
	l.events, l.inbox, l.wake, l.done, l.known = events, fair.New[Message](inboxBytes), make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	l.unwatch = n.broker.Watch(l.changed)
	patience := startWithin
	if degraded {
		patience = degradedWithin
	}
	err := l.wait(ctx, patience)
	if err != nil && !degraded {
		l.unwatch()
		return err
	}
	l.forgetStates()
	for _, topic := range []string{nodesTopic, nodeTopic(n.id)} {
		if err := n.Acquire(ctx, topic, n.enqueue); err != nil {
			l.unwatch()
			l.done = nil
			n.Close()
			return err
		}
	}
	l.ended.Go(n.run)
	return nil
}

const (
	// startWithin is how long Start waits for the message broker.
	startWithin = 10 * time.Second
	// degradedWithin is the same with degraded set: enough to connect to one that is available.
	degradedWithin = time.Second
)

func (l *loop) wait(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-l.known:
		return nil
	default:
	}
	select {
	case <-l.known:
		return nil
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.broker != nil {
			return l.broker
		}
		return context.Cause(ctx)
	}
}

// changed is called by the Broker's Watch.
func (l *loop) changed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broker = err
	l.mute.Store(false)
	if err == nil {
		select {
		case <-l.known:
		default:
			close(l.known)
		}
	}
	l.heard()
}

// forgetStates drops the states from before the connection was made, and reports the current one.
func (l *loop) forgetStates() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.states = nil
	l.heard()
}

// heard queues the state for the loop. The caller holds the lock.
func (l *loop) heard() {
	l.states = append(l.states, l.state())
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// listen checks once per tick whether the message broker still delivers.
func (n *Node) listen() {
	l := &n.loop
	if l.echoed.Swap(false) {
		if l.deaf() {
			n.peers.refresh()
		}
		if l.silent() >= forgottenAfter {
			l.events.Revived()
		}
		l.silence = 0
	} else {
		l.silence++
	}
	mute := l.silent() >= deadAfter
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broker != nil {
		l.silence = 0 // counts only while the message broker is available
	} else if l.mute.Swap(mute) != mute {
		l.heard()
	}
}

func (l *loop) silent() time.Duration { return time.Duration(l.silence) * tick }

func (l *loop) deaf() bool { return l.silent() >= deafAfter }

// Away returns why the message broker is not available, nil if it is.
func (n *Node) Away() error {
	n.loop.mu.Lock()
	defer n.loop.mu.Unlock()
	return n.loop.state()
}

// enqueue passes a message to the loop. The Broker's goroutine must not block.
func (n *Node) enqueue(m Message) {
	if m.Kind == beat {
		n.peers.heard(m.Node)
		return
	}
	if m.Kind != ask && len(m.Body) > maxNodeID {
		n.Drop(Invalid)
		return
	}
	m.Body = bytes.Clone(m.Body)
	loss, err := n.loop.inbox.Put(m.Node, m, len(m.Body))
	if err != nil { // the message itself did not fit
		loss.Items++
	}
	n.ignored[Crowded].Add(uint64(loss.Items))
}

// run runs until done is closed.
func (n *Node) run() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	n.broadcast(hello, "")
	last, beaten := time.Now(), time.Now()
	batch := make([]Message, 0, 1)
	for {
		select {
		case <-n.loop.done:
			n.broadcast(bye, "")
			return
		case <-n.loop.wake:
			n.handleStates()
		case <-n.loop.inbox.Ready():
			batch, _ = n.loop.inbox.Take(batch[:0])
			for _, m := range batch {
				n.handle(m)
			}
			clear(batch)
		case <-ticker.C:
			now := time.Now()
			if now.Sub(last) >= stoppedFor {
				n.peers.refresh() // their heartbeats are still queued
			}
			if now.Sub(last) >= forgottenAfter {
				n.loop.events.Revived()
			}
			last = now
			n.listen()
			if now.Sub(beaten) >= beatEvery-tick/2 {
				beaten = now
				n.broadcast(beat, "")
			}
			n.declareDead()
		}
	}
}

// broadcast sends a message to all nodes. Errors are ignored, as the state of the message broker is reported
// separately.
func (n *Node) broadcast(kind Kind, about string) {
	_ = n.Publish(nodesTopic, kind, func(b []byte) []byte { return append(b, about...) })
}

// handleStates reports changes of the message broker's state.
func (n *Node) handleStates() {
	n.loop.mu.Lock()
	states := n.loop.states
	n.loop.states = nil
	n.loop.mu.Unlock()
	for _, err := range states {
		n.loop.away = err != nil
		if err == nil {
			n.peers.refresh() // heartbeats were lost meanwhile
			n.broadcast(beat, "")
		}
		n.loop.events.State(err)
	}
}

// declareDead declares nodes dead that are silent for too long, unless this node receives nothing.
func (n *Node) declareDead() {
	if n.loop.away || n.loop.deaf() {
		return
	}
	for _, id := range n.peers.expire() {
		n.broadcast(buried, id)
		n.loop.events.Dead(id)
	}
}

// handle handles a message from another node.
func (n *Node) handle(m Message) {
	switch m.Kind {
	case hello:
		n.peers.heard(m.Node)
		_ = n.Publish(nodeTopic(m.Node), beat, func(b []byte) []byte { return b })
	case bye:
		n.peers.gone(m.Node)
		n.loop.events.Dead(m.Node)
	case buried:
		if string(m.Body) == n.id {
			n.loop.events.Revived()
		}
	case ask:
		n.peers.heard(m.Node)
		n.answer(m)
	case answer:
		n.requests.answered(m.Node, m.Body)
	default:
		n.Drop(Invalid)
	}
}

// Close leaves the cluster: the others drop this node at once. It also works for a node that was not started.
func (n *Node) Close() {
	if n.loop.done != nil {
		n.loop.unwatch()
		close(n.loop.done)
		n.loop.ended.Wait()
		n.peers.forget()
	}
	n.leave()
	n.topics.close()
}
