package main_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
)

// Everybody talks at once: everybody hears everything once, each sender's messages in their order, and what was heard
// is what is kept.
func TestManyTalk(t *testing.T) {
	const talkers, each = 6, 20
	s := start(t)
	clients := make([]*client, talkers)
	for i := range clients {
		clients[i] = dial(t, s, fmt.Sprint("?username=", i))
	}
	drain(clients...)     // then everybody has arrived
	drain(clients...)     // and everybody has heard of it
	for n := range each { // nobody waits for anybody: the connections' handlers overlap
		for _, c := range clients {
			c.send(event{"type": "message", "text": fmt.Sprint(n)})
		}
	}
	heard := make([]map[float64]string, talkers)
	for i, c := range clients {
		heard[i] = hearAll(t, c, talkers*each)
	}

	kept := make(map[float64]string)
	for _, m := range clients[0].ask(event{"type": "history", "room": "lobby", "limit": 200})["messages"].([]any) {
		line := m.(event)
		kept[line["seq"].(float64)] = line["from"].(string) + ": " + line["text"].(string)
	}
	if len(kept) != talkers*each {
		t.Fatalf("%d messages are kept, want %d", len(kept), talkers*each)
	}
	for i := range clients {
		if diff := cmp.Diff(kept, heard[i]); diff != "" {
			t.Errorf("what %d heard is not what was kept (-kept +heard):\n%s", i, diff)
		}
	}
}

// hearAll reads messages and returns them by seq.
func hearAll(t *testing.T, c *client, count int) map[float64]string {
	t.Helper()
	heard := make(map[float64]string)
	next := make(map[string]int) // by sender
	for range count {
		e := c.read()
		if e["type"] != "message" {
			t.Fatalf("heard %v, want a message", e)
		}
		from := e["from"].(string)
		if want := fmt.Sprint(next[from]); e["text"] != want {
			t.Errorf("from %s came %v, want %s", from, e["text"], want)
		}
		next[from]++
		heard[e["seq"].(float64)] = from + ": " + e["text"].(string)
	}
	return heard
}

// Everybody comes at once: each is welcomed first, and of any two one hears of the other.
func TestManyArrive(t *testing.T) {
	const count = 20
	s := start(t)
	clients := make([]*client, count)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			ws, _, err := websocket.Dial(t.Context(), "ws://"+s.addr+"/ws/chat", nil)
			if err != nil {
				t.Error(err)
				return
			}
			clients[i] = &client{t: t, ws: ws}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	heard := make(map[[2]string]bool)
	for _, c := range clients {
		defer c.ws.CloseNow()
		c.greeted()
	}
	for _, question := range []string{"everybody has arrived", "everybody has heard of it"} {
		for _, c := range clients {
			c.send(event{"type": "users", "room": "lobby", "id": question})
			for e := c.read(); e["id"] != question; e = c.read() {
				heard[[2]string{c.id, e["fromId"].(string)}] = true
			}
		}
	}
	for i, a := range clients {
		for _, b := range clients[:i] {
			if !heard[[2]string{a.id, b.id}] && !heard[[2]string{b.id, a.id}] {
				t.Errorf("neither %s nor %s heard of the other", a.id, b.id)
			}
		}
	}
	clients[0].until(func() bool { return len(clients[0].people) == count })
}

// People come and go all the time: whoever keeps a list by the people events knows in the end who is where.
func TestManyMove(t *testing.T) {
	const movers, moves = 6, 25
	s := start(t)
	watch := dial(t, s, "?username=watch")
	watch.join("aside")
	clients := make([]*client, movers)
	for i := range clients {
		clients[i] = dial(t, s, fmt.Sprint("?username=", i))
	}
	for n := range moves {
		for _, c := range clients {
			c.send(event{"type": "join", "room": []string{"x", "y"}[n%2]})
		}
		if n == moves/2 {
			watch.join("x")
		}
	}
	for _, c := range clients[:movers/2] {
		c.send(event{"type": "leave", "room": "x"})
	}
	drain(clients...)
	want := usersOf(watch.await(event{"type": "users", "room": "x"}))
	if len(want) != movers/2+1 {
		t.Errorf("in the end %d are there, want %d", len(want), movers/2+1)
	}
	watch.until(func() bool {
		here := make(map[string]string)
		for id, p := range watch.people {
			if p.Room == "x" {
				here[id] = p.Username
			}
		}
		return maps.Equal(here, want) && len(watch.people) == movers+1
	})
}

// A shutdown in the middle of a conversation loses nothing that somebody has heard.
func TestShutdownKeepsWhatWasHeard(t *testing.T) {
	db := filepath.Join(t.TempDir(), "chat.db")
	s := serve(t, "localhost:0", db)
	c := dial(t, s, "")
	for n := range 150 {
		c.send(event{"type": "message", "text": fmt.Sprint(n)})
	}
	first := c.read()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.stop()
	}()
	heard := []any{first["text"]}
	for {
		e, err := c.tryRead()
		if err != nil {
			break
		}
		if e["type"] != "$reconnect" {
			heard = append(heard, e["text"])
		}
	}
	<-stopped

	store, _ := openStore(t, db)
	var kept []any
	for _, line := range history(t, store, "lobby", 200) {
		kept = append(kept, line.Text)
	}
	if len(kept) < len(heard) {
		t.Fatalf("%d messages were heard, %d are kept", len(heard), len(kept))
	}
	if diff := cmp.Diff(kept[:len(heard)], heard); diff != "" {
		t.Errorf("what was heard is not what is kept (-kept +heard):\n%s", diff)
	}
}
