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
	// beatEvery is how often a node says that it lives.
	beatEvery = 3 * time.Second
	// deadAfter is how long a node is silent until the others take it for dead. They notice within another tick.
	deadAfter = 10 * time.Second
	// silentAfter is how long a node is silent until what is known of it is not sure any more.
	silentAfter = 2*beatEvery + tick

	// stoppedFor is the gap between ticks from which this process must have been stopped for a while.
	stoppedFor = 3 * tick
	// deafAfter is how long a node hears nothing of itself until it does not trust its ears: who else is silent may live.
	deafAfter = beatEvery + tick
	// forgottenAfter is how long a node is stopped or deaf until others may have taken it for dead: its last sign of life
	// is older.
	forgottenAfter = deadAfter - beatEvery

	// inboxBytes is how much may wait for the loop: a node that asks without end must not keep the others from being heard.
	inboxBytes = 8 << 20
)

// Events are what a node hears. The functions are called one at a time, and must not block: while one runs, the node
// gives no sign of life.
type Events struct {
	State     func(err error)        // the message broker is there again (nil), or away
	Dead      func(node string)      // a node has left, or is silent for too long
	Revived   func()                 // the others have taken this node for dead and forgotten what it said
	OnRequest func(body []byte) bool // another node's Ask; false if it is not understood, and so not answered
}

// loop is the goroutine that deals with the other nodes.
type loop struct {
	events  Events
	inbox   *fair.Queue[Message] // by node
	wake    chan struct{}        // has room for one: the state has changed
	done    chan struct{}        // closed by Close
	ended   sync.WaitGroup
	unwatch func()

	echoed  atomic.Bool // a message of this node's own came back since the last tick
	silence int         // ticks without one; the loop's
	away    bool        // as the loop has heard it; the loop's
	mute    atomic.Bool // the message broker takes messages and delivers none, whatever the broker says; set under mu

	mu     sync.Mutex    // guards following
	engine error         // what the broker says
	states []error       // not yet heard by the loop
	known  chan struct{} // closed when the message broker has been there for the first time
}

// errMute is the state of a message broker whose connection is alive but delivers nothing.
var errMute = fmt.Errorf("what this node publishes has not come back for %v", deadAfter)

// state needs the lock.
func (l *loop) state() error {
	if l.engine == nil && l.mute.Load() {
		return errMute
	}
	return l.engine
}

// nodesTopic is where nodes speak to all others, nodeTopic where one of them is answered.
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
	// degradedWithin is how long it does if it can do without: what it takes to connect to one that is there.
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
		if l.engine != nil {
			return l.engine
		}
		return context.Cause(ctx)
	}
}

// changed is what the broker calls.
func (l *loop) changed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.engine = err
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

// forgetStates has the loop tell the present state first: that the message broker was being connected to is no news.
func (l *loop) forgetStates() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.states = nil
	l.heard()
}

// heard needs the lock. It has the loop tell the state.
func (l *loop) heard() {
	l.states = append(l.states, l.state())
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// listen looks once in a tick whether the message broker still delivers.
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
	if l.engine != nil {
		l.silence = 0 // it has to be there first
	} else if l.mute.Swap(mute) != mute {
		l.heard()
	}
}

func (l *loop) silent() time.Duration { return time.Duration(l.silence) * tick }

func (l *loop) deaf() bool { return l.silent() >= deafAfter }

// Away returns why the message broker is not there, nil if it is.
func (n *Node) Away() error {
	n.loop.mu.Lock()
	defer n.loop.mu.Unlock()
	return n.loop.state()
}

// enqueue hands a message to the loop; the broker's goroutine must not wait.
func (n *Node) enqueue(m Message) {
	if m.Kind == beat {
		n.peers.heard(m.Node)
		return
	}
	if m.Kind != ask && len(m.Body) > maxNodeID {
		n.Drop()
		return
	}
	m.Body = bytes.Clone(m.Body)
	loss, err := n.loop.inbox.Put(m.Node, m, len(m.Body))
	if err != nil { // it has no room itself
		loss.Items++
	}
	n.ignored.Add(uint64(loss.Items))
}

// run ends when done is closed.
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
				n.peers.refresh() // what they have said meanwhile waits to be heard
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

// broadcast tells all nodes. That the message broker is away is known.
func (n *Node) broadcast(kind Kind, about string) {
	_ = n.Publish(nodesTopic, kind, func(b []byte) []byte { return append(b, about...) })
}

// handleStates tells the changes of the message broker's state.
func (n *Node) handleStates() {
	n.loop.mu.Lock()
	states := n.loop.states
	n.loop.states = nil
	n.loop.mu.Unlock()
	for _, err := range states {
		n.loop.away = err != nil
		if err == nil {
			n.peers.refresh() // nobody could be heard meanwhile
			n.broadcast(beat, "")
		}
		n.loop.events.State(err)
	}
}

// declareDead gives up those who are silent for too long, unless nobody can be heard.
func (n *Node) declareDead() {
	if n.loop.away || n.loop.deaf() {
		return
	}
	for _, id := range n.peers.expire() {
		n.broadcast(buried, id)
		n.loop.events.Dead(id)
	}
}

// handle deals with a message from another node.
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
		n.Drop()
	}
}

// Close leaves the cluster: the others forget this node at once. It is for a node that was started or only has topics.
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
