package main_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/coder/websocket"
)

// event is what goes over the wire, in either direction.
type event = map[string]any

// client is one connection to the chat. Its methods fail the test.
type client struct {
	t     *testing.T
	ws    *websocket.Conn
	hello event  // the welcome
	id    string // the user id
	asked int    // questions so far
}

// dial connects and takes the welcome. query is "" or "?username=…".
func dial(t *testing.T, s *server, query string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://"+s.addr+"/ws/chat"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	c := &client{t: t, ws: ws}
	c.hello = c.read()
	if c.hello["type"] != "welcome" {
		t.Fatalf("the first event is %v, want a welcome", c.hello)
	}
	c.id, _ = c.hello["userId"].(string)
	if c.id == "" {
		t.Fatalf("no userId in %v", c.hello)
	}
	return c
}

// write sends one text frame as it is.
func (c *client) write(frame string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if err := c.ws.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) send(e event) {
	c.t.Helper()
	frame, err := json.Marshal(e)
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(string(frame))
}

// read returns the next event.
func (c *client) read() event {
	c.t.Helper()
	e, err := c.tryRead()
	if err != nil {
		c.t.Fatalf("reading: %v", err)
	}
	return e
}

func (c *client) tryRead() (event, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	_, frame, err := c.ws.Read(ctx)
	if err != nil {
		return nil, err
	}
	var e event
	if err := json.Unmarshal(frame, &e); err != nil {
		c.t.Fatalf("%s: %v", frame, err)
	}
	return e, nil
}

// ask sends something with an id and returns the answer, which has to be the next event: so what comes before it was
// heard before, and nothing else was.
func (c *client) ask(question event) event {
	c.t.Helper()
	c.asked++
	question["id"] = c.asked
	c.send(question)
	answer := c.read()
	if answer["id"] != float64(c.asked) {
		c.t.Fatalf("asked %v and heard %v, which is not the answer", question, answer)
	}
	delete(answer, "id")
	return answer
}

// await sends something with an id and returns the answer, whatever comes before it.
func (c *client) await(question event) event {
	c.t.Helper()
	c.asked++
	question["id"] = c.asked
	c.send(question)
	for {
		if e := c.read(); e["id"] == float64(c.asked) {
			return e
		}
	}
}

// drain reads what was sent to the clients.
func drain(clients ...*client) {
	for _, c := range clients {
		c.t.Helper()
		c.await(event{"type": "users", "room": "nowhere"})
	}
}

// join moves the client to a room and returns who is there, by user id.
func (c *client) join(room string) map[string]string {
	c.t.Helper()
	c.send(event{"type": "join", "room": room})
	e := c.read()
	if e["type"] != "users" || e["room"] != room {
		c.t.Fatalf("joined %s and heard %v, want its users", room, e)
	}
	return usersOf(e)
}

// usersOf returns the users in an event, by user id.
func usersOf(e event) map[string]string {
	users := make(map[string]string)
	for _, u := range e["users"].([]any) {
		user := u.(map[string]any)
		users[user["id"].(string)] = user["username"].(string)
	}
	return users
}
