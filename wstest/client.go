package wstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
)

// Client is a WebSocket client of an App. It reads all the time, as a browser does, and keeps what arrives until the
// test asks for it. See [Client.StopReading] for a client that does not read.
type Client struct {
	t    testing.TB
	app  *App
	name string // for failures
	info wsgate.RouteInfo
	ws   *websocket.Conn
	wire *wire

	raw bool // the gateway takes messages as they are

	mu       sync.Mutex // guards following
	inbox    []wsgate.Message
	controls []wsgate.Message           // of the protocol itself
	answers  map[string]*wsgate.Message // by id of pending questions; nil until the answer arrives
	ignored  map[string]bool            // the names of events that are dropped
	arrived  chan struct{}              // closed and replaced when inbox, controls, answers or end change
	end      error                      // why nothing more arrives
	asked    int                        // ids given to questions
}

// Dial connects a client and waits until OnOpen has returned. A path may have a query. The host is example.com, or the
// header's Host. If the App refuses the handshake, the test ends, see [App.ExpectRefused]. If OnOpen refuses the
// connection, it does not, see [ExpectClose].
func (a *App) Dial(path string, header ...http.Header) *Client {
	a.t.Helper()
	c := a.DialNow(path, header...)
	c.fence()
	return c
}

// DialNow is [App.Dial] without waiting for OnOpen.
func (a *App) DialNow(path string, header ...http.Header) *Client {
	a.t.Helper()
	c, resp, err := a.dial(path, header)
	if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
		a.t.Fatalf("wstest: %s: got %s, want a connection", path, refusal(resp))
	}
	if err != nil {
		a.t.Fatalf("wstest: %s: %v", path, err)
	}
	return c
}

// ExpectRefused makes a handshake that the App must refuse with the HTTP status, and returns the response. Its body
// can be read until the test ends.
func (a *App) ExpectRefused(status int, path string, header ...http.Header) *http.Response {
	a.t.Helper()
	_, resp, err := a.dial(path, header)
	switch {
	case resp == nil:
		a.t.Fatalf("wstest: %s: %v", path, err)
	case resp.StatusCode == http.StatusSwitchingProtocols:
		a.t.Fatalf("wstest: %s: got a connection, want status %d", path, status)
	case resp.StatusCode != status:
		a.t.Fatalf("wstest: %s: got %s, want status %d", path, refusal(resp), status)
	}
	return resp
}

func refusal(resp *http.Response) string {
	body, _ := io.ReadAll(resp.Body)
	return fmt.Sprintf("status %d (%s)", resp.StatusCode, strings.TrimSpace(string(body)))
}

func (a *App) dial(path string, headers []http.Header) (*Client, *http.Response, error) {
	header := http.Header{}
	for _, h := range headers {
		for name, values := range h {
			header[http.CanonicalHeaderKey(name)] = append(header[http.CanonicalHeaderKey(name)], values...)
		}
	}
	if !strings.HasPrefix(path, "/") {
		return nil, nil, fmt.Errorf("got the path %q, want one that begins with a slash", path)
	}
	c := &Client{
		t: a.t, app: a, info: a.infoFor(path), wire: newWire(), arrived: make(chan struct{}),
		answers: map[string]*wsgate.Message{}, ignored: map[string]bool{},
	}
	c.raw = slices.Contains(c.info.Hooks, "OnMessage")
	ws, resp, err := memory.Transport{Handler: a.App, Wrap: c.wire.attach}.Dial(path, header)
	if err != nil {
		return nil, resp, err
	}
	c.ws = ws
	ws.SetReadLimit(-1)
	if !a.clients.add(c, path) {
		c.wire.Close()
		return nil, nil, errors.New("got no connection: the test is over")
	}
	return c, resp, nil
}

// infoFor returns the RouteInfo of the route that serves the path.
func (a *App) infoFor(path string) wsgate.RouteInfo {
	r, err := http.NewRequest(http.MethodGet, "http://"+memory.Host+path, nil)
	if err != nil {
		return wsgate.RouteInfo{}
	}
	_, pattern := a.routes.Handler(r)
	return a.infos[pattern]
}

// read stores messages as they arrive.
func (c *Client) read() {
	for {
		typ, data, err := c.ws.Read(context.Background())
		c.mu.Lock()
		if err == nil {
			c.keep(wsgate.Message{Type: typ, Data: data})
		} else {
			c.end = err
		}
		close(c.arrived)
		c.arrived = make(chan struct{})
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// keep stores a message in the inbox or as an answer. The caller holds mu.
func (c *Client) keep(m wsgate.Message) {
	if len(c.answers) > 0 || len(c.ignored) > 0 {
		event, id, _ := c.head(m)
		if answer, waited := c.answers[id]; waited && answer == nil {
			c.answers[id] = &m
			return
		}
		if id == "" && c.ignored[event] {
			return
		}
	}
	if !c.keepControl(m) {
		c.inbox = append(c.inbox, m)
	}
}

// Send sends a message as it is.
func (c *Client) Send(m wsgate.Message) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), c.app.timeout)
	defer cancel()
	if err := c.ws.Write(ctx, m.Type, m.Data); err != nil {
		if end := c.over(); end != nil {
			err = end
		}
		c.t.Fatalf("wstest: %s: sending: %s", c.name, describeEnd(err))
	}
}

// Next returns the next message as it is.
func (c *Client) Next() wsgate.Message {
	c.t.Helper()
	return c.next("a message")
}

// NextText returns the next message, which must be a text, exactly as it was sent. The generic functions decode as
// encoding/json does, and so do not see how a field's name is spelled. A protocol with other implementations should
// have a test that uses NextText.
func (c *Client) NextText() string {
	c.t.Helper()
	m := c.next("a text")
	if m.Type != websocket.MessageText {
		c.t.Fatalf("wstest: %s: got %s, want a text", c.name, c.describe(m))
	}
	return string(m.Data)
}

// next returns the next message, or fails the test with want.
func (c *Client) next(want string) wsgate.Message {
	c.t.Helper()
	m, err := c.take(func(wsgate.Message) bool { return true })
	if err != nil {
		c.t.Fatalf("wstest: %s: got %s, want %s", c.name, describeEnd(err), want)
	}
	return m
}

var errTimeout = errors.New("nothing")

// take waits for the first message that f accepts. Answers that are awaited by id are not considered.
func (c *Client) take(f func(wsgate.Message) bool) (wsgate.Message, error) {
	return c.wait(func() (m wsgate.Message, ok bool) {
		i := slices.IndexFunc(c.inbox, f)
		if i < 0 {
			return m, false
		}
		m = c.inbox[i]
		c.inbox = slices.Delete(c.inbox, i, i+1)
		return m, true
	})
}

// wait waits until ready, which is called under mu, returns a message.
func (c *Client) wait(ready func() (wsgate.Message, bool)) (wsgate.Message, error) {
	late := time.NewTimer(c.app.timeout)
	defer late.Stop()
	for {
		c.mu.Lock()
		m, ok := ready()
		end, arrived := c.end, c.arrived
		c.mu.Unlock()
		if ok {
			return m, nil
		}
		if end != nil {
			return wsgate.Message{}, end
		}
		select {
		case <-arrived:
		case <-late.C:
			return wsgate.Message{}, fmt.Errorf("%w for %v (%s)", errTimeout, c.app.timeout, c.state())
		}
	}
}

// fence waits until the App has handled everything that the client has sent. It skips a client that does not read or
// whose connection has ended.
func (c *Client) fence() {
	c.t.Helper()
	if c.stopped() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.app.timeout)
	defer cancel()
	if err := c.ws.Ping(ctx); err != nil && ctx.Err() != nil && c.over() == nil {
		c.t.Fatalf("wstest: %s: got no end of a handler for %v, want one", c.name, c.app.timeout)
	}
}

// stopped reports whether the client has stopped reading.
func (c *Client) stopped() bool {
	paused, _, _ := c.wire.faults()
	return paused != nil
}

// state describes possible reasons why nothing arrives.
func (c *Client) state() string {
	if c.stopped() {
		return "it has stopped reading"
	}
	conn := c.conn()
	switch {
	case conn == nil:
		return "the App has done with it"
	case len(conn.Rooms()) == 0:
		return "it is in no room"
	default:
		return fmt.Sprintf("it is in %q", conn.Rooms())
	}
}

// over returns why nothing more can arrive, nil if something may.
func (c *Client) over() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}

// waitEnd waits for the end of the connection.
func (c *Client) waitEnd() error {
	_, err := c.take(func(wsgate.Message) bool { return false })
	return err
}

// Close closes the connection as a client that leaves does, and waits until OnClose has returned.
func (c *Client) Close(code websocket.StatusCode, reason string) {
	c.t.Helper()
	if err := c.ws.Close(code, reason); err != nil && c.over() == nil {
		c.t.Fatalf("wstest: %s: closing: %v", c.name, err)
	}
	_ = c.waitEnd()
	c.waitGone()
}

// waitGone waits until the App has finished with the connection.
func (c *Client) waitGone() {
	c.t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	late := time.NewTimer(c.app.timeout)
	defer late.Stop()
	for c.conn() != nil {
		select {
		case <-look.C:
		case <-late.C:
			c.t.Fatalf("wstest: %s: got no end of the connection for %v, want one: does a hook not return?", c.name, c.app.timeout)
		}
	}
}

// conn returns the App's end of the connection, nil if the App has finished with it.
func (c *Client) conn() wsgate.AnyConn {
	for conn := range c.app.Hub().Conns() {
		if conn.RemoteAddr() == c.wire.LocalAddr().String() {
			return conn
		}
	}
	return nil
}

// ExpectClose waits until the App has closed the connection with the code and OnClose has returned. It returns the
// reason. Messages that came before and were not read by the test are dropped.
func ExpectClose(c *Client, code websocket.StatusCode) (reason string) {
	c.t.Helper()
	err := c.waitEnd()
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code {
		c.t.Fatalf("wstest: %s: got %s, want close %d", c.name, describeEnd(err), code)
	}
	c.waitGone()
	return closed.Reason
}

// describeEnd describes for a failure why no message arrived.
func describeEnd(err error) string {
	var closed websocket.CloseError
	switch {
	case errors.As(err, &closed):
		return fmt.Sprintf("close %d %q", closed.Code, closed.Reason)
	case errors.Is(err, errTimeout):
		return err.Error()
	default:
		return fmt.Sprintf("the end of the connection (%v)", err)
	}
}

// clients holds the clients of an App.
type clients struct {
	mu      sync.Mutex // guards following
	list    []*Client
	broken  bool
	readers sync.WaitGroup // grows only while not broken
}

// add names the client and starts its reader. It reports false after breakAll.
func (l *clients) add(c *Client, path string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return false
	}
	l.list = append(l.list, c)
	c.name = fmt.Sprintf("client %d of %s", len(l.list), path)
	l.readers.Go(c.read) // breakAll waits for it
	return true
}

func (l *clients) all() []*Client {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

// breakAll closes all connections without a handshake and waits for the readers.
func (l *clients) breakAll() {
	l.mu.Lock()
	l.broken = true
	l.mu.Unlock()
	for _, c := range l.all() {
		c.wire.Close()
		c.ws.CloseNow()
	}
	l.readers.Wait()
}
