package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/envelope"
)

// link is one connection.
type link struct {
	client  *Client
	ws      *websocket.Conn
	arrived atomic.Int64 // counts what has arrived, pings too
	stalled atomic.Bool  // the reader waits for handlers

	refreshing atomic.Bool    // Options.Refresh runs, or its token is on its way
	helpers    sync.WaitGroup // goroutines of the link

	replaced chan struct{} // closed when another connection is current
	free     chan struct{} // closed when, after that, nothing is left to do for this one

	// Guarded by Client.mu.
	calls   int           // that were sent and wait for their answers
	greeted bool          // OnState has been told about the connection that replaced it
	moving  chan struct{} // closed when nothing tries any more to replace it; nil if it was not told to reconnect
	dialing bool          // an attempt to replace it is under way
}

// pinged is called for a ping of the server, which is answered.
func (l *link) pinged(context.Context, []byte) bool {
	l.arrived.Add(1)
	return true
}

// serve reads until the connection ends, and returns why. Nothing of it runs any more then.
func (l *link) serve() error {
	c := l.client
	living, end := context.WithCancelCause(c.cutting)
	defer end(nil)
	var closer sync.WaitGroup
	l.helpers.Go(func() { l.write(living, end) })
	l.helpers.Go(func() { l.ping(living, end) })
	closer.Go(func() { l.closeAtStop(living) })
	c.connected(l)

	err := l.read(living)
	if cause := context.Cause(living); cause != nil {
		err = cause // a reader that is cancelled has nothing to tell
	}
	end(err)
	closer.Wait()
	_ = l.ws.CloseNow() // the error of reading says more
	l.helpers.Wait()
	return lost(err)
}

// connected is the beginning of a connection.
func (c *Client) connected(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != l {
		c.current = l
		c.setState(State{Phase: Connected})
	}
	select {
	case <-c.opened:
	default:
		close(c.opened)
	}
}

// closeAtStop makes the closing handshake when the client is closed, or has moved to another connection. It returns when
// the connection has ended.
func (l *link) closeAtStop(living context.Context) {
	select {
	case <-l.client.ctx.Done():
	case <-l.replaced:
		l.awaitFree(living)
	case <-living.Done():
		return
	}
	cut := context.AfterFunc(living, func() { _ = l.ws.CloseNow() })
	defer cut()
	_ = l.ws.Close(websocket.StatusNormalClosure, "") // the connection ends, in whatever way
}

// write writes what is in the queue, in order.
func (l *link) write(living context.Context, end context.CancelCauseFunc) {
	for {
		out := l.client.take(l)
		if out == nil {
			select {
			case <-l.client.wake:
				continue
			case <-l.replaced:
				return
			case <-living.Done():
				return
			}
		}
		err := l.ws.Write(living, out.message.Type, out.message.Data)
		if err != nil {
			out.finish(fmt.Errorf("%w: %w", ErrDisconnected, err))
			l.endLater(living, end, err)
			return
		}
		out.finish(nil)
	}
}

// lastFrame is how long the server's close frame may take to be read after writing has failed.
const lastFrame = time.Second

// endLater ends a connection to which nothing can be written. What the server has sent before, and above all why it has
// closed, is read first.
func (l *link) endLater(living context.Context, end context.CancelCauseFunc, err error) {
	timer := time.NewTimer(lastFrame)
	defer timer.Stop()
	select {
	case <-timer.C:
		end(err)
	case <-living.Done():
	}
}

// read takes in what arrives until the connection ends.
func (l *link) read(living context.Context) error {
	for {
		typ, data, err := l.ws.Read(living)
		if err != nil {
			return err
		}
		l.arrived.Add(1)
		a := arrival{size: len(data)}
		switch {
		case typ == websocket.MessageText && !utf8.Valid(data):
			_ = l.ws.Close(websocket.StatusInvalidFramePayloadData, "text is not UTF-8")
			return errors.New("the server sent a text that is not UTF-8")
		case typ == websocket.MessageBinary || l.client.options.OnText != nil:
			a.message = &wsgate.Message{Type: typ, Data: data}
		default:
			in := new(envelope.Inbound)
			if err := l.client.names.Parse(data, in); err != nil {
				a.err = fmt.Errorf("client: the server sent a message that is not an envelope: %w", err)
			} else if l.client.answered(in) {
				continue
			} else if in.IsControl() {
				l.control(living, in)
				continue
			} else {
				a.event = in
			}
		}
		if err := l.client.deliver(l, a); err != nil {
			return err
		}
	}
}

// answered reports whether a message answers a call, which it settles.
func (c *Client) answered(in *envelope.Inbound) bool {
	if in.ID == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle(string(in.ID), answer{in: in})
	return true // or nobody waits for it any more
}

var errSilent = errors.New("the server did not answer a ping")

// ping pings a server from which nothing arrives, and ends the connection if nothing arrives after that either.
func (l *link) ping(living context.Context, end context.CancelCauseFunc) {
	every := l.client.options.Ping
	if every < 0 {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var before int64
	for {
		select {
		case <-tick.C:
		case <-living.Done():
			return
		}
		now := l.arrived.Load()
		if now != before || l.stalled.Load() {
			before = now
			continue
		}
		timed, cancel := context.WithTimeout(living, 2*every)
		err := l.ws.Ping(timed)
		if err != nil {
			<-timed.Done() // a ping that could not be written fails before
		}
		cancel()
		if err != nil && l.arrived.Load() == before && !l.stalled.Load() {
			end(errSilent)
			return
		}
	}
}
