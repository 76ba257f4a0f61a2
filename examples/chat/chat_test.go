package main_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/wsgate/wsgate"
	chat "github.com/wsgate/wsgate/examples/chat"
)

func start(t *testing.T) *server {
	t.Helper()
	return serve(t, "localhost:0", filepath.Join(t.TempDir(), "chat.db"))
}

func TestWelcome(t *testing.T) {
	s := start(t)
	others := dial(t, s, "?username=Others")
	ids := map[string]bool{}
	for _, tt := range []struct{ query, name string }{
		{"", "Anonymous"},
		{"?username=", "Anonymous"},
		{"?username=%20%20", "Anonymous"},
		{"?username=%20Ada%20L.%20", "Ada L."},
		{"?username=" + strings.Repeat("%C3%A4", 40), strings.Repeat("ä", 40)},
	} {
		c := dial(t, s, tt.query)
		want := event{"type": "welcome", "userId": c.id, "username": tt.name, "room": "lobby"}
		if diff := cmp.Diff(want, c.hello); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.query, diff)
		}
		others.hears(event{"type": "joined", "from": tt.name, "fromId": c.id, "room": "lobby"})
		c.silent()
		c.close()
		others.hears(event{"type": "left", "from": tt.name, "fromId": c.id, "room": "lobby"})
		ids[c.id] = true
	}
	if len(ids) != 5 {
		t.Errorf("5 connections had %d user ids", len(ids))
	}
}

func TestNameIsRefused(t *testing.T) {
	s := start(t)
	for _, name := range []string{strings.Repeat("x", 41), strings.Repeat("ä", 41), "a\nb", "a\u202eb"} {
		_, res, err := websocket.Dial(t.Context(), "ws://"+s.addr+"/ws/chat?username="+url.QueryEscape(name), nil)
		if err == nil || res == nil || res.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %v, %v, want status 400", name, res, err)
		}
	}
}

func TestMessageReachesTheRoomAndIsKept(t *testing.T) {
	s := start(t)
	ann, bob, eve := dial(t, s, "?username=Ann"), dial(t, s, "?username=Bob"), dial(t, s, "?username=Eve")
	ann.await(event{"type": "join", "room": "general"})
	bob.await(event{"type": "join", "room": "general"})
	drain(ann, bob, eve)

	for i, text := range []string{"Hello!", strings.Repeat("x", 2000), strings.Repeat("😀", 2000), "  two\nlines "} {
		bob.send(event{"type": "message", "text": text})
		want := event{
			"type": "message", "room": "general", "seq": float64(i + 1),
			"from": "Bob", "fromId": bob.id, "text": text, "at": "now",
		}
		bob.hears(want)
		ann.hears(want)
	}
	eve.silent()

	answer := eve.ask(event{"type": "history", "room": "general", "limit": 3})
	var texts []string
	for _, m := range answer["messages"].([]any) {
		texts = append(texts, m.(event)["text"].(string))
	}
	want := []string{strings.Repeat("x", 2000), strings.Repeat("😀", 2000), "  two\nlines "}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	empty := event{"type": "history", "room": "lobby", "messages": []any{}}
	eve.answered(event{"type": "history", "room": "lobby"}, empty)
}

func TestHistoryHasWhatWasHeard(t *testing.T) {
	c := dial(t, start(t), "")
	c.send(event{"type": "message", "text": "Hello!"})
	heard := c.read()
	delete(heard, "type")
	want := event{"type": "history", "room": "lobby", "messages": []any{heard}}
	c.answered(event{"type": "history", "room": "lobby", "limit": 1}, want)
}

func TestRooms(t *testing.T) {
	s := start(t)
	ann, bob := dial(t, s, "?username=Ann"), dial(t, s, "?username=Bob")
	ann.hears(event{"type": "joined", "from": "Bob", "fromId": bob.id, "room": "lobby"})

	// To another room: both rooms hear of it, and Bob who is there.
	ann.await(event{"type": "join", "room": " general "})
	bob.hears(event{"type": "left", "from": "Ann", "fromId": ann.id, "room": "lobby"})
	if diff := cmp.Diff(map[string]string{ann.id: "Ann", bob.id: "Bob"}, bob.join("general")); diff != "" {
		t.Errorf("users of general (-want +got):\n%s", diff)
	}
	ann.hears(event{"type": "joined", "from": "Bob", "fromId": bob.id, "room": "general"})

	// To the room one is in: nobody hears of it.
	bob.join("general")
	ann.silent()

	// Out of it.
	bob.answered(event{"type": "leave", "room": "lobby"}, failed("conflict", "you are not in that room"))
	bob.answered(event{"type": "leave", "room": "general"}, event{"type": "leave"})
	ann.hears(event{"type": "left", "from": "Bob", "fromId": bob.id, "room": "general"})
	bob.answered(event{"type": "message", "text": "Hello?"}, failed("conflict", "join a room first"))
	bob.answered(event{"type": "leave", "room": "general"}, failed("conflict", "you are not in that room"))
	ann.send(event{"type": "message", "text": "alone"})
	if e := ann.read(); e["seq"] != 1.0 {
		t.Errorf("heard %v, want the first message of the room", e)
	}
	bob.silent()

	// By disconnecting.
	bob.join("general")
	ann.hears(event{"type": "joined", "from": "Bob", "fromId": bob.id, "room": "general"})
	bob.close()
	ann.hears(event{"type": "left", "from": "Bob", "fromId": bob.id, "room": "general"})
	everyone := event{"type": "users", "room": "general", "users": []any{event{"id": ann.id, "username": "Ann"}}}
	ann.answered(event{"type": "users", "room": "general"}, everyone)
}

func TestRename(t *testing.T) {
	s := start(t)
	ann, bob := dial(t, s, "?username=Ann"), dial(t, s, "")
	ann.hears(event{"type": "joined", "from": "Anonymous", "fromId": bob.id, "room": "lobby"})
	change := event{"type": "renamed", "from": "Anonymous", "fromId": bob.id, "username": "Bob", "room": "lobby"}
	bob.send(event{"type": "rename", "username": " Bob "})
	bob.hears(change)
	ann.hears(change)
	bob.send(event{"type": "message", "text": "Hello!"})
	if e := ann.read(); e["from"] != "Bob" {
		t.Errorf("heard %v, want it from Bob", e)
	}

	// Without a room only Bob himself hears of it.
	drain(bob)
	bob.answered(event{"type": "leave", "room": "lobby"}, event{"type": "leave"})
	ann.hears(event{"type": "left", "from": "Bob", "fromId": bob.id, "room": "lobby"})
	bob.send(event{"type": "rename", "username": "Rob"})
	bob.hears(event{"type": "renamed", "from": "Bob", "fromId": bob.id, "username": "Rob", "room": ""})
	ann.silent()
}

func TestPrivate(t *testing.T) {
	s := start(t)
	ann, bob, eve := dial(t, s, "?username=Ann"), dial(t, s, "?username=Bob"), dial(t, s, "?username=Eve")
	bob.await(event{"type": "join", "room": "elsewhere"}) // a private message finds people in any room
	drain(ann, bob, eve)

	line := event{"type": "private", "from": "Ann", "fromId": ann.id, "to": bob.id, "text": "psst", "at": "now"}
	ann.send(event{"type": "private", "to": bob.id, "text": "psst"})
	bob.hears(line)
	ann.hears(line)
	eve.silent()

	self := event{"type": "private", "from": "Ann", "fromId": ann.id, "to": ann.id, "text": "note", "at": "now"}
	ann.send(event{"type": "private", "to": ann.id, "text": "note"})
	ann.hears(self)
	ann.silent()

	bob.close()
	kept := eve.ask(event{"type": "history", "room": "elsewhere"})
	if len(kept["messages"].([]any)) != 0 {
		t.Errorf("the history has %v, want nothing private", kept)
	}
	gone := failed("not_found", "nobody here has that user id")
	for { // Bob's end of the connection is closed; the server's may be a moment behind
		e := ann.ask(event{"type": "private", "to": bob.id, "text": "psst"})
		if e["type"] == "error" {
			if diff := cmp.Diff(gone, e); diff != "" {
				t.Errorf("to somebody who left (-want +got):\n%s", diff)
			}
			break
		}
	}
}

func TestRoomList(t *testing.T) {
	s := start(t)
	ann, bob := dial(t, s, "?username=Ann"), dial(t, s, "?username=Bob")
	drain(ann)
	row := func(name string, users float64) event { return event{"name": name, "users": users} }
	ann.answered(event{"type": "rooms"}, event{"type": "rooms", "rooms": []any{row("lobby", 2)}})

	bob.join("general")
	ann.hears(
		event{"type": "left", "from": "Bob", "fromId": bob.id, "room": "lobby"},
		event{"type": "room", "name": "lobby", "users": 1.0},
		event{"type": "room", "name": "general", "users": 1.0},
	)
	bob.send(event{"type": "message", "text": "Hello!"})
	ann.hears(event{"type": "room", "name": "general", "users": 1.0, "last": 1.0})
	bob.read()
	bob.silent() // who did not ask for the rooms hears nothing of them
	bob.close()
	ann.hears(event{"type": "room", "name": "general", "users": 0.0})
	said := event{"name": "general", "users": 0.0, "last": 1.0}
	ann.answered(event{"type": "rooms"}, event{"type": "rooms", "rooms": []any{said, row("lobby", 1)}})
}

func failed(code, message string) event {
	return event{"type": "error", "code": code, "message": message}
}

func TestBadInput(t *testing.T) {
	s := start(t)
	for _, tt := range []struct{ name, frame, code, message string }{
		{"not JSON", `hello`, "malformed", "Invalid JSON"},
		{"empty frame", ``, "malformed", "Invalid JSON"},
		{"unknown event", `{"type":"dance","id":1}`, "unknown_event", ""},
		{"message without text", `{"type":"message","id":1}`, "invalid", "text is empty"},
		{"empty text", `{"type":"message","id":1,"text":""}`, "invalid", "text is empty"},
		{"only spaces", `{"type":"message","id":1,"text":" \n "}`, "invalid", "text is empty"},
		{"text that is a number", `{"type":"message","id":1,"text":7}`, "invalid", ""},
		{"2001 letters", frame("message", "text", strings.Repeat("x", 2001)), "invalid", "text has at most 2000 characters, not 2001"},
		{"2001 of more bytes", frame("message", "text", strings.Repeat("😀", 2001)), "invalid", "text has at most 2000 characters, not 2001"},
		{"join without room", `{"type":"join","id":1}`, "invalid", "room is empty"},
		{"room of spaces", `{"type":"join","id":1,"room":"  "}`, "invalid", "room is empty"},
		{"room too long", frame("join", "room", strings.Repeat("ä", 41)), "invalid", "room has at most 40 characters, not 41"},
		{"room with a line end", `{"type":"join","id":1,"room":"a\nb"}`, "invalid", "room has characters that do not print"},
		{"leave without room", `{"type":"leave","id":1}`, "invalid", "room is empty"},
		{"rename to nothing", `{"type":"rename","id":1,"username":""}`, "invalid", "username is empty"},
		{"name too long", frame("rename", "username", strings.Repeat("x", 41)), "invalid", "username has at most 40 characters, not 41"},
		{"private to nobody", `{"type":"private","id":1,"to":"?","text":"psst"}`, "not_found", "nobody here has that user id"},
		{"private and empty", `{"type":"private","id":1,"to":"?","text":""}`, "invalid", "text is empty"},
		{"private and too long", frame("private", "text", strings.Repeat("x", 2001)), "invalid", "text has at most 2000 characters, not 2001"},
		{"users of no room", `{"type":"users","id":1}`, "invalid", "room is empty"},
		{"history of no room", `{"type":"history","id":1}`, "invalid", "room is empty"},
		{"no history", `{"type":"history","id":1,"room":"lobby","limit":-1}`, "invalid", "limit is 1 to 200, not -1"},
		{"too much history", `{"type":"history","id":1,"room":"lobby","limit":201}`, "invalid", "limit is 1 to 200, not 201"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, s, "?username=Mallory")
			drain(c)
			c.write(tt.frame)
			got := c.read()
			want := failed(tt.code, tt.message)
			if strings.Contains(tt.frame, `"id":1`) {
				want["id"] = 1.0
			}
			if tt.message == "" { // the library's own words
				want["message"] = got["message"]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}

			// The connection lives on, where and who it was, and nothing was kept.
			me := event{"type": "users", "room": "lobby"}
			if who := usersOf(c.ask(me)); who[c.id] != "Mallory" {
				t.Errorf("in the lobby are %v, want Mallory among them", who)
			}
			c.answered(event{"type": "rooms"}, event{"type": "rooms", "rooms": []any{event{"name": "lobby", "users": 1.0}}})
			c.send(event{"type": "leave", "room": "lobby"})
			c.hears(event{"type": "room", "name": "lobby", "users": 0.0})
		})
	}
}

// frame is an event with an id and one field.
func frame(kind, field, value string) string {
	return fmt.Sprintf(`{"type":%q,"id":1,%q:%q}`, kind, field, value)
}

func TestBinaryFrameIsRefused(t *testing.T) {
	c := dial(t, start(t), "")
	if err := c.ws.Write(t.Context(), websocket.MessageBinary, []byte(`{"type":"message","text":"x"}`)); err != nil {
		t.Fatal(err)
	}
	if e := c.read(); e["type"] != "error" || e["code"] != "unsupported" {
		t.Errorf("heard %v, want an error", e)
	}
	c.silent()
}

// Who has gone takes no memory.
func TestChatForgets(t *testing.T) {
	db := filepath.Join(t.TempDir(), "chat.db")
	var gateway *chat.Chat
	app, err := wsgate.New(&wsgate.Module{
		Provide: []any{func(lc *wsgate.Lifecycle) (*chat.Store, error) { return chat.OpenStore(db, lc) }},
		Gateways: []wsgate.Route{{Path: "/ws/chat", New: func(store *chat.Store) *chat.Chat {
			gateway = chat.NewChat(store)
			return gateway
		}}},
	}, logged(t))
	if err != nil {
		t.Fatal(err)
	}
	s := serveApp(t, "localhost:0", app)
	for range 3 {
		dial(t, s, "").silent()
	}
	if n := gateway.Len(); n != 3 {
		t.Errorf("%d people are known, want 3", n)
	}
	s.stop()
	if n := gateway.Len(); n != 0 {
		t.Errorf("%d people are known after everybody left", n)
	}
}

// What cannot be kept is not heard, and the client learns no more than that.
func TestMessageThatIsNotKept(t *testing.T) {
	s := start(t)
	ann, bob := dial(t, s, ""), dial(t, s, "")
	drain(ann)
	if err := s.app.Invoke(func(store *chat.Store) error { return store.Lose() }); err != nil {
		t.Fatal(err)
	}
	ann.answered(event{"type": "message", "text": "Hello!"}, failed("internal", "internal error"))
	ann.answered(event{"type": "history", "room": "lobby"}, failed("internal", "internal error"))
	bob.silent()
}

func TestPage(t *testing.T) {
	s := start(t)
	for path, want := range map[string]struct{ kind, has string }{
		"/":          {"text/html; charset=utf-8", "<title>Chat</title>"},
		"/app.js":    {"text/javascript; charset=utf-8", "import"},
		"/link.js":   {"text/javascript; charset=utf-8", "WebSocket"},
		"/view.js":   {"text/javascript; charset=utf-8", "textContent"},
		"/style.css": {"text/css; charset=utf-8", "prefers-color-scheme"},
		"/icon.svg":  {"image/svg+xml", "<svg"},
	} {
		res, body := get(t, "http://"+s.addr+path)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != want.kind || !strings.Contains(body, want.has) {
			t.Errorf("%s: status %d, %q, want a %q with %q", path, res.StatusCode, res.Header.Get("Content-Type"), want.kind, want.has)
		}
		policy := res.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
	}
	if res, _ := get(t, "http://"+s.addr+"/chat.db"); res.StatusCode != http.StatusNotFound {
		t.Errorf("a file that is not there: status %d", res.StatusCode)
	}
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}
