package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/envelope"
)

// Client is a connection to a gateway that is made again whenever it is lost. [New] makes one.
type Client struct {
	url     string
	options Options
	names   envelope.Names

	ctx     context.Context // done when Close was called; handlers get it
	stop    context.CancelFunc
	cutting context.Context // done when the closing handshake has taken too long
	cut     context.CancelFunc

	opened  chan struct{}  // closed by the first connection
	ended   chan struct{}  // closed when the client no longer connects
	running sync.WaitGroup // the goroutine that connects, and what it starts
	handled chan struct{}  // closed when no handler runs any more
	wake    chan struct{}  // capacity 1: there is something in queue

	mu       sync.Mutex // guards following
	state    State
	handlers map[string]handler
	calls    map[string]*call // by id, until they are settled
	lastID   uint64
	queue    []*outgoing // what no writer has taken
	current  *link       // whose writer takes it; nil before the first connection
	inbox    inbox
}

// New returns a client for a URL with the scheme ws or wss. It does nothing until [Client.Dial].
func New(url string, options *Options) *Client {
	c := &Client{
		url: url, options: options.withDefaults(),
		opened: make(chan struct{}), ended: make(chan struct{}), handled: make(chan struct{}), wake: make(chan struct{}, 1),
		handlers: map[string]handler{}, calls: map[string]*call{},
	}
	e := c.options.Envelope
	c.names = envelope.New(e.Type, e.ID, e.Data)
	c.inbox.changed.L = &c.mu
	c.ctx, c.stop = context.WithCancel(context.WithValue(context.Background(), handlerKey{}, c))
	c.cutting, c.cut = context.WithCancel(context.Background())
	return c
}

// handlerKey is the key of the client in the context of its handlers.
type handlerKey struct{}

// Dial connects and waits for the first connection. It tries again as long as ctx is not done. If it returns an error,
// the client is closed: ctx was done, Close was called, or the server says to stay away. Call it once, after [On].
func (c *Client) Dial(ctx context.Context) error {
	if err := c.start(); err != nil {
		return err
	}
	select {
	case <-c.opened:
		return nil
	case <-c.ended:
		select {
		case <-c.opened: // there was one, and State says what has become of it
			return nil
		default:
		}
	case <-ctx.Done():
	}
	last := c.State()
	_ = c.Close(ctx) // ctx is done, or nothing but a handler runs
	if last.Phase == Closed {
		return last.Err
	}
	return errors.Join(fmt.Errorf("client: no connection: %w", context.Cause(ctx)), last.Err)
}

func (c *Client) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Phase != Idle {
		return fmt.Errorf("client: Dial was called while %v; make another Client to dial again", c.state.Phase)
	}
	if c.options.OnText != nil && c.options.Refresh != nil {
		return errors.New("client: Refresh has no effect: the client takes texts as they are, see OnText")
	}
	for key, why := range c.names.WrongKeys() {
		return fmt.Errorf("client: Envelope key %q %s", key, why)
	}
	c.setState(State{Phase: Connecting})
	c.running.Go(func() { c.run(nil) })
	go c.handle()
	return nil
}

// Close closes the connection, lets calls in flight fail with [ErrClosed], and waits until nothing runs any more. It
// cancels the context of handlers. If ctx is done first, the connection is cut, and Close returns the cause once only a
// handler still runs. Called from a handler with the handler's context, it does not wait for handlers.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	idle := c.state.Phase == Idle
	if idle {
		c.state = State{Phase: Closed, Err: ErrClosed}
		close(c.ended)
		close(c.handled)
	}
	c.stop()
	c.settleSent(nil, fmt.Errorf("%w: %w", ErrDisconnected, ErrClosed))
	c.keepUnsent(0, ErrClosed)
	c.inbox.changed.Broadcast()
	c.mu.Unlock()
	inHandler := ctx.Value(handlerKey{}) == c
	if !inHandler {
		defer context.AfterFunc(ctx, c.cut)()
	}
	c.running.Wait()
	c.cut()
	if inHandler {
		return nil
	}
	select {
	case <-c.handled:
		return nil
	default:
	}
	select {
	case <-c.handled:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("client: a handler still runs: %w", context.Cause(ctx))
	}
}

// State returns the current state. [Options].OnState is told about changes.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Done returns a channel that is closed when the client no longer connects: it was closed, or the server says to stay
// away. State().Err says why.
func (c *Client) Done() <-chan struct{} { return c.ended }

// setState changes the state and queues the news for OnState. The caller holds mu.
func (c *Client) setState(s State) {
	c.state = s
	c.inbox.add(arrival{state: &s})
}

// Send sends a message as it is, to a gateway that takes raw messages. It returns when the message was written, like
// [Emit].
func (c *Client) Send(ctx context.Context, m wsgate.Message) error {
	switch {
	case m.Type != websocket.MessageText && m.Type != websocket.MessageBinary:
		return fmt.Errorf("client: a message's Type is websocket.MessageText or websocket.MessageBinary, not %d", int(m.Type))
	case m.Type == websocket.MessageText && !utf8.Valid(m.Data):
		return errors.New("client: a text message must be valid UTF-8")
	}
	m.Data = bytes.Clone(m.Data) // it may wait in the queue
	return c.send(ctx, &outgoing{message: m})
}
