package clustertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// client is a WebSocket client of a node. Its methods may be called from any goroutine.
type client struct {
	name    string // of the connection, from which its lines are
	node    *node
	ws      *websocket.Conn
	hear    func(line)
	reading sync.WaitGroup

	mu      sync.Mutex // guards following
	asked   int
	waiting map[int]chan<- reply
	views   map[string]*view // by room: who is there
	changed chan struct{}    // closed and replaced when views or end change
	end     error            // why nothing more comes
}

// view is what a client knows of who is in a room: for each user the node.
type view struct {
	users map[string]string
	count int
}

// message is what goes over the wire.
type message struct {
	Type string          `json:"type"`
	ID   int             `json:"id,omitempty"`
	Data json.RawMessage `json:"data,omitempty"`
}

// reply is the answer to what was asked, or why there is none.
type reply struct {
	data json.RawMessage
	err  error
}

// refusal is an error that the node has answered with.
type refusal struct {
	Code    wsgate.Code `json:"code"`
	Message string      `json:"message"`
}

func (r *refusal) Error() string { return string(r.Code) + ": " + r.Message }

// dial connects a user's client, or nobody's if there is none. hear is called for every line that comes.
func dial(ctx context.Context, n *node, name, user string, hear func(line)) (*client, error) {
	ws, _, err := websocket.Dial(ctx, "ws://"+n.addr+"/?user="+url.QueryEscape(user), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(-1)
	c := &client{
		name: name, node: n, ws: ws, hear: hear,
		waiting: map[int]chan<- reply{}, views: map[string]*view{}, changed: make(chan struct{}),
	}
	c.reading.Go(c.read)
	return c, nil
}

// read ends with the connection.
func (c *client) read() {
	for {
		_, text, err := c.ws.Read(context.Background())
		if err == nil {
			err = c.take(text)
		}
		if err != nil {
			c.stop(err)
			return
		}
	}
}

func (c *client) take(text []byte) error {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	switch {
	case m.ID != 0:
		r := reply{data: m.Data}
		if m.Type == "error" {
			refused := new(refusal)
			if err := json.Unmarshal(m.Data, refused); err != nil {
				return err
			}
			r.err = refused
		}
		c.answered(m.ID, r)
		return nil
	case m.Type == string(heard):
		var l line
		if err := json.Unmarshal(m.Data, &l); err != nil {
			return err
		}
		c.hear(l)
		return nil
	case m.Type == string(present):
		var p wsgate.Presence[string]
		if err := json.Unmarshal(m.Data, &p); err != nil {
			return err
		}
		c.see(p)
		return nil
	}
	return fmt.Errorf("the node has sent %q", text)
}

// stop has nobody wait for what does not come any more.
func (c *client) stop(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end = err
	for id, to := range c.waiting {
		delete(c.waiting, id)
		to <- reply{err: err}
	}
	c.hasChanged()
}

// hasChanged needs the lock.
func (c *client) hasChanged() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *client) answered(id int, r reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to := c.waiting[id]; to != nil {
		delete(c.waiting, id)
		to <- r
	}
}

// see takes the news of who is in a room.
func (c *client) see(p wsgate.Presence[string]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.views[p.Room]
	if v == nil || p.All {
		v = &view{users: map[string]string{}}
		c.views[p.Room] = v
	}
	maps.Copy(v.users, p.Here)
	for _, user := range p.Gone {
		delete(v.users, user)
	}
	v.count = p.Count
	c.hasChanged()
}

// sees waits until the client was told that exactly these users are in the room.
func (c *client) sees(ctx context.Context, room string, want []string) error {
	want = slices.Sorted(slices.Values(want))
	for {
		c.mu.Lock()
		var got []string
		count := 0
		if v := c.views[room]; v != nil {
			got, count = slices.Sorted(maps.Keys(v.users)), v.count
		}
		changed, end := c.changed, c.end
		c.mu.Unlock()
		if slices.Equal(got, want) && count == len(want) {
			return nil
		}
		if end != nil {
			return end
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s of %s sees %d in %q: %s, want %s", c.name, c.node.name, count, room, strings.Join(got, " "), strings.Join(want, " "))
		}
	}
}

// start sends what is to be answered, and returns where the answer comes.
func (c *client) start(ctx context.Context, event string, payload any) <-chan reply {
	answer := make(chan reply, 1)
	data, err := json.Marshal(payload)
	if err != nil {
		answer <- reply{err: err}
		return answer
	}
	c.mu.Lock()
	if c.end != nil {
		answer <- reply{err: c.end}
		c.mu.Unlock()
		return answer
	}
	c.asked++
	id := c.asked
	c.waiting[id] = answer
	c.mu.Unlock()
	text, err := json.Marshal(message{event, id, data})
	if err == nil {
		err = c.ws.Write(ctx, websocket.MessageText, text)
	}
	if err != nil {
		c.answered(id, reply{err: err})
	}
	return answer
}

// ask sends something and waits until it was answered. An answer is decoded into result unless that is nil.
func (c *client) ask(ctx context.Context, event string, payload, result any) error {
	return answerOf(ctx, c.start(ctx, event, payload), result)
}

// answerOf waits for an answer.
func answerOf(ctx context.Context, replies <-chan reply, result any) error {
	select {
	case r := <-replies:
		if r.err != nil || result == nil {
			return r.err
		}
		return json.Unmarshal(r.data, result)
	case <-ctx.Done():
		return fmt.Errorf("no answer: %w", context.Cause(ctx))
	}
}

// over returns why nothing more comes, nil as long as something may.
func (c *client) over() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}

// ended waits for the end of the connection, and returns why it came.
func (c *client) ended(ctx context.Context) error {
	for {
		c.mu.Lock()
		changed, end := c.changed, c.end
		c.mu.Unlock()
		if end != nil {
			return end
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// forget drops what was known of a room.
func (c *client) forget(room string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.views, room)
}

// close ends the connection as a client does that leaves.
func (c *client) close() error {
	err := c.ws.Close(websocket.StatusNormalClosure, "")
	c.ws.CloseNow()
	c.reading.Wait()
	return err
}

// broken ends the connection at once.
func (c *client) broken() {
	c.ws.CloseNow()
	c.reading.Wait()
}

// isRefusal reports whether the node has answered with an error, so that the connection goes on.
func isRefusal(err error) bool {
	var refused *refusal
	return errors.As(err, &refused)
}
