package main_test

import (
	"context"
	"encoding/json"
	"maps"
	"testing"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	chat "github.com/wsgate/wsgate/examples/chat"
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

	people map[string]chat.Person // by user id, as the people events have it
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
	c.greeted()
	return c
}

// greeted takes the welcome.
func (c *client) greeted() {
	c.t.Helper()
	c.hello = c.read()
	if c.hello["type"] != "welcome" {
		c.t.Fatalf("the first event is %v, want a welcome", c.hello)
	}
	c.id, _ = c.hello["userId"].(string)
	if c.id == "" {
		c.t.Fatalf("no userId in %v", c.hello)
	}
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

// read returns the next event. It takes note of people events on the way: they come when they come.
func (c *client) read() event {
	c.t.Helper()
	e, err := c.tryRead()
	if err != nil {
		c.t.Fatalf("reading: %v", err)
	}
	return e
}

func (c *client) tryRead() (event, error) {
	for {
		e, err := c.next()
		if err != nil || e["type"] != "people" {
			return e, err
		}
	}
}

// next returns the next event, of whatever kind.
func (c *client) next() (event, error) {
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
	if change, ok := everybody(c.t, frame); ok {
		c.people = apply(c.t, c.people, change)
	}
	return e, nil
}

// until reads events until the list of people is as it should be.
func (c *client) until(listed func() bool) {
	c.t.Helper()
	for !listed() {
		if _, err := c.next(); err != nil {
			c.t.Fatalf("reading: %v; people are %v", err, c.people)
		}
	}
}

// everybody returns the people event that a frame is, if it is one about everybody.
func everybody(t *testing.T, frame []byte) (change wsgate.Presence[chat.Person], ok bool) {
	t.Helper()
	var e struct {
		Type string `json:"type"`
		wsgate.Presence[chat.Person]
	}
	if err := json.Unmarshal(frame, &e); err != nil {
		return change, false // one of another shape
	}
	return e.Presence, e.Type == "people" && e.Room == "everybody"
}

// apply brings a list of people up to date. It is nil, and stays so, until all have been heard of.
func apply(t *testing.T, people map[string]chat.Person, change wsgate.Presence[chat.Person]) map[string]chat.Person {
	t.Helper()
	if change.All {
		people = make(map[string]chat.Person)
	}
	if people == nil {
		return nil
	}
	maps.Copy(people, change.Here)
	for _, id := range change.Gone {
		delete(people, id)
	}
	if len(people) != change.Count {
		t.Errorf("after %v the list has %d people", change, len(people))
	}
	return people
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
	for {
		e := c.read()
		switch { // what happens in the rooms meanwhile may come before
		case e["type"] == "users" && e["room"] == room:
			return usersOf(e)
		case e["type"] != "joined" && e["type"] != "left":
			c.t.Fatalf("joined %s and heard %v, want its users", room, e)
		}
	}
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
