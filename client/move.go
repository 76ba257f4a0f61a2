package client

import (
	"context"
	"fmt"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/inspect"
)

// A server that shuts down tells its clients to reconnect. The client then makes another connection first. When that is
// open, it is the current one: OnState is told, and what is sent from then on goes over it. The old one stays until
// OnState has returned, the new one is open on the server's side too, and the calls that were sent over the old one are
// answered. What arrives over either is handled.

// move begins to replace the link, once.
func (l *link) move(living context.Context) {
	c := l.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != l || l.moving != nil {
		return
	}
	l.moving = make(chan struct{})
	c.running.Go(func() { // may outlive the link
		if next := l.replace(living); next != nil {
			c.run(next)
		}
	})
}

// replace connects until that succeeds, cannot succeed, or the link has ended. It returns the new link if it is current.
func (l *link) replace(living context.Context) (next *link) {
	c := l.client
	defer close(l.moving)
	if text, err := c.names.Text(envelope.Reconnect, nil, inspect.Value, nil); err == nil {
		_ = l.ws.Write(living, websocket.MessageText, text) // the server waits a while, and otherwise the link ends
	}
	var wait backoff
	for living.Err() == nil { // otherwise the next attempt is not one to replace it
		l.setDialing(true)
		next, err := c.dial()
		l.setDialing(false)
		if err == nil {
			l.handOver(next)
			return next
		}
		if c.isFinal(err) {
			return nil // the next attempt, after the link has ended, will tell
		}
		timer := time.NewTimer(wait.next(0, nil)) // without Retry-After: it is of the old server, or the next is another
		select {
		case <-timer.C:
		case <-living.Done():
			timer.Stop()
		}
	}
	return nil
}

func (l *link) setDialing(dialing bool) {
	l.client.mu.Lock()
	defer l.client.mu.Unlock()
	l.dialing = dialing
}

// handOver makes the next link the current one.
func (l *link) handOver(next *link) {
	c := l.client
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = next
	c.state = State{Phase: Connected}
	c.inbox.add(arrival{state: &State{Phase: Connected}, handled: func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		l.greeted = true
		l.letGo()
	}})
	close(l.replaced)
	c.wakeWriter()
}

// hasMoved is called when the link has ended. It reports whether the client has another connection. While an attempt to
// make one is under way, it waits for that.
func (l *link) hasMoved(why error) bool {
	c := l.client
	c.mu.Lock()
	moving := l.moving
	switch {
	case moving == nil:
	case c.current != l:
		c.settleSent(l, fmt.Errorf("%w: %w", ErrDisconnected, why))
	case l.dialing:
		c.disconnected(l, why)
		c.setState(State{Phase: Connecting, Err: why})
	}
	c.mu.Unlock()
	if moving == nil {
		return false
	}
	<-moving
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current != l
}

// letGo lets the link end when nothing is left to do for it. The caller holds mu.
func (l *link) letGo() {
	if l.greeted && l.calls == 0 && l.client.current != l {
		select {
		case <-l.free:
		default:
			close(l.free)
		}
	}
}

// awaitFree waits until a link that was replaced may be closed.
func (l *link) awaitFree(living context.Context) {
	c := l.client
	asked := c.newCall()
	text, err := c.names.Text(envelope.Reconnect, []byte(asked.id), inspect.Value, nil)
	if err == nil { // the answer comes when the new connection is open on the server's side
		_, _ = c.ask(living, &outgoing{message: wsgate.Message{Type: websocket.MessageText, Data: text}, call: asked})
	}
	select {
	case <-l.free:
	case <-c.ctx.Done():
	case <-living.Done():
	}
}
