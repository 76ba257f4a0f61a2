package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/wsgate/wsgate"
	chat "github.com/wsgate/wsgate/examples/chat"
	"github.com/wsgate/wsgate/wstest"
)

// These are the tests of the gateway: the real module with a database of its own, and clients in memory. What needs a
// server, or several nodes, is in the other files. The time of their bubbles stands still while there is something to do,
// so that a people event, which comes a moment later, does not come in between.

const path = "/ws/chat"

// newChat returns the chat, with nobody in it.
func newChat(t *testing.T, options ...wstest.Option) *wstest.App {
	t.Helper()
	return wstest.New(t, chat.NewModule(filepath.Join(t.TempDir(), "chat.db")), options...)
}

// arrive connects somebody, who is then in the lobby, and returns their user id. The others who are there hear of it.
func arrive(t *testing.T, app *wstest.App, name string, others ...*wstest.Client) (c *wstest.Client, id string) {
	t.Helper()
	c = app.Dial(path + "?username=" + url.QueryEscape(name))
	id = wstest.Next(c, chat.Welcome).UserID
	for _, other := range others {
		equal(t, wstest.Next(other, chat.Joined), chat.Movement{From: name, FromID: id, Room: "lobby"})
	}
	return c, id
}

// join brings somebody into a room and returns who is there.
func join(t *testing.T, c *wstest.Client, room string) []chat.User {
	t.Helper()
	wstest.Send(c, chat.Join, chat.RoomName{Room: room})
	here := wstest.Next(c, chat.Present)
	equal(t, here.Room, strings.TrimSpace(room))
	return here.Users
}

// refused fails the test unless the next message is that error.
func refused(t *testing.T, c *wstest.Client, code wsgate.Code, message string) {
	t.Helper()
	equal(t, wstest.ExpectError(c, code).Message, message)
}

func equal[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

// settle lets presence tell what has changed, and has the clients ignore it.
func settle(clients ...*wstest.Client) {
	wstest.Pass(time.Second)
	wstest.Drain(clients...)
}

func leave(c *wstest.Client) { c.Close(websocket.StatusNormalClosure, "") }

func TestWelcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		others, _ := arrive(t, app, "Others")
		known := map[string]bool{"": true}
		for _, tt := range []struct{ query, name string }{
			{"", "Anonymous"},
			{"?username=", "Anonymous"},
			{"?username=%20%20", "Anonymous"},
			{"?username=%20Ada%20L.%20", "Ada L."},
			{"?username=" + strings.Repeat("%C3%A4", 40), strings.Repeat("ä", 40)},
			{"?username=" + url.QueryEscape("علی\u200cرضا"), "علی\u200cرضا"},
			{"?username=" + url.QueryEscape("👨\u200d👩\u200d👧 Weber"), "👨\u200d👩\u200d👧 Weber"},
		} {
			c := app.Dial(path + tt.query)
			hello := wstest.Next(c, chat.Welcome)
			equal(t, hello, chat.Greeting{UserID: hello.UserID, Username: tt.name, Room: "lobby"})
			if known[hello.UserID] {
				t.Errorf("%q: user id %q is not a new one", tt.query, hello.UserID)
			}
			known[hello.UserID] = true

			move := chat.Movement{From: tt.name, FromID: hello.UserID, Room: "lobby"}
			equal(t, wstest.Next(others, chat.Joined), move)
			wstest.Quiet(c)
			leave(c)
			equal(t, wstest.Next(others, chat.Left), move)
			settle(others)
		}
	})
}

func TestNameIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		for _, name := range []string{strings.Repeat("x", 41), strings.Repeat("ä", 41), "a\nb", "a\u2028b", "a\u202eb", "\u200b"} {
			app.ExpectRefused(http.StatusBadRequest, path+"?username="+url.QueryEscape(name))
		}
	})
}

// texts may be said.
var texts = []string{"Hello!", strings.Repeat("x", 2000), strings.Repeat("😀", 2000), "  two\nlines "}

func TestMessageReachesTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		ann, _ := arrive(t, app, "Ann")
		join(t, ann, "general")
		bob, bobID := arrive(t, app, "Bob")
		join(t, bob, "general")
		equal(t, wstest.Next(ann, chat.Joined).From, "Bob")
		eve, _ := arrive(t, app, "Eve")

		for i, text := range texts {
			wstest.Send(bob, chat.Say, chat.Speech{Text: text})
			want := chat.Line{Room: "general", Seq: int64(i + 1), From: "Bob", FromID: bobID, Text: text, At: time.Now()}
			equal(t, wstest.Next(bob, chat.Said), want)
			equal(t, wstest.Next(ann, chat.Said), want)
		}
		wstest.Quiet(eve)
	})
}

func TestHistoryHasWhatWasHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		bob, _ := arrive(t, app, "Bob")
		join(t, bob, "general")
		eve, _ := arrive(t, app, "Eve") // in the lobby
		var heard []chat.Line
		for _, text := range texts {
			wstest.Send(bob, chat.Say, chat.Speech{Text: text})
			heard = append(heard, wstest.Next(bob, chat.Said))
		}

		for _, tt := range []struct {
			question chat.HistoryQuestion
			want     []chat.Line
		}{
			{chat.HistoryQuestion{Room: "general"}, heard},
			{chat.HistoryQuestion{Room: " general ", Limit: 200}, heard},
			{chat.HistoryQuestion{Room: "general", Limit: 3}, heard[1:]},
			{chat.HistoryQuestion{Room: "general", Limit: 1}, heard[3:]},
			{chat.HistoryQuestion{Room: "general", Limit: 2, Before: heard[3].Seq}, heard[1:3]},
			{chat.HistoryQuestion{Room: "general", Before: heard[0].Seq}, []chat.Line{}},
			{chat.HistoryQuestion{Room: "general", Before: 1000}, heard},
			{chat.HistoryQuestion{Room: "lobby"}, []chat.Line{}},
		} {
			want := chat.RoomLines{Room: strings.TrimSpace(tt.question.Room), Messages: tt.want}
			equal(t, wstest.Ask(eve, chat.History, tt.question), want)
		}
		wstest.Quiet(bob, eve)
	})
}

func TestJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		ann, annID := arrive(t, app, "Ann")
		bob, bobID := arrive(t, app, "Bob", ann)

		// To another room: those who stay hear of it, and so do those who are there.
		equal(t, join(t, ann, " general "), []chat.User{{ID: annID, Username: "Ann"}})
		equal(t, wstest.Next(bob, chat.Left), chat.Movement{From: "Ann", FromID: annID, Room: "lobby"})
		both := []chat.User{{ID: annID, Username: "Ann"}, {ID: bobID, Username: "Bob"}}
		equal(t, join(t, bob, "general"), both)
		equal(t, wstest.Next(ann, chat.Joined), chat.Movement{From: "Bob", FromID: bobID, Room: "general"})

		// To the room one is in: nobody hears of it.
		equal(t, join(t, bob, "general"), both)
		wstest.Quiet(ann, bob)
	})
}

func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		ann, _ := arrive(t, app, "Ann")
		bob, bobID := arrive(t, app, "Bob", ann)

		wstest.Send(bob, chat.Leave, chat.RoomName{Room: "general"})
		refused(t, bob, wsgate.Conflict, "you are not in that room")
		wstest.Do(bob, chat.Leave, chat.RoomName{Room: "lobby"})
		equal(t, wstest.Next(ann, chat.Left), chat.Movement{From: "Bob", FromID: bobID, Room: "lobby"})

		wstest.Send(bob, chat.Say, chat.Speech{Text: "Hello?"})
		refused(t, bob, wsgate.Conflict, "join a room first")
		wstest.Send(bob, chat.Leave, chat.RoomName{Room: "lobby"})
		refused(t, bob, wsgate.Conflict, "you are not in that room")
		wstest.Send(ann, chat.Say, chat.Speech{Text: "alone"})
		equal(t, wstest.Next(ann, chat.Said).Seq, 1)
		wstest.Quiet(ann, bob)
	})
}

func TestDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		ann, annID := arrive(t, app, "Ann")
		bob, bobID := arrive(t, app, "Bob", ann)
		leave(bob)
		equal(t, wstest.Next(ann, chat.Left), chat.Movement{From: "Bob", FromID: bobID, Room: "lobby"})
		alone := chat.Users{Room: "lobby", Users: []chat.User{{ID: annID, Username: "Ann"}}}
		equal(t, wstest.Ask(ann, chat.ListUsers, chat.RoomName{Room: "lobby"}), alone)
	})
}

// A phone that lost its network says nothing. It has left when it does not answer the heartbeat: in a bubble at once.
func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t, wstest.Timeout(time.Hour))
		ann, _ := arrive(t, app, "Ann")
		bob, bobID := arrive(t, app, "Bob", ann)
		settle(ann)
		bob.StopReading()
		equal(t, wstest.Next(ann, chat.Left), chat.Movement{From: "Bob", FromID: bobID, Room: "lobby"})
	})
}

func TestRename(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		ann, _ := arrive(t, app, "Ann")
		bob, bobID := arrive(t, app, "Anonymous", ann)
		wstest.Send(bob, chat.Rename, chat.NewName{Username: " Bob "})
		change := chat.NameChange{From: "Anonymous", FromID: bobID, Username: "Bob", Room: "lobby"}
		equal(t, wstest.Next(bob, chat.Renamed), change)
		equal(t, wstest.Next(ann, chat.Renamed), change)
		wstest.Send(bob, chat.Say, chat.Speech{Text: "Hello!"})
		equal(t, wstest.Next(ann, chat.Said).From, "Bob")
	})
}

func TestRenameOutsideOfRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		ann, _ := arrive(t, app, "Ann")
		bob, bobID := arrive(t, app, "Bob", ann)
		wstest.Do(bob, chat.Leave, chat.RoomName{Room: "lobby"})
		equal(t, wstest.Next(ann, chat.Left).FromID, bobID)
		wstest.Send(bob, chat.Rename, chat.NewName{Username: "Rob"})
		equal(t, wstest.Next(bob, chat.Renamed), chat.NameChange{From: "Bob", FromID: bobID, Username: "Rob"})
		wstest.Quiet(ann)
	})
}

// A private message finds people in any room, and nobody else. It is not kept.
func TestPrivate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		bob, bobID := arrive(t, app, "Bob")
		join(t, bob, "elsewhere")
		ann, annID := arrive(t, app, "Ann")
		eve, _ := arrive(t, app, "Eve", ann)

		wstest.Send(ann, chat.Whisper, chat.PrivateSpeech{To: bobID, Text: "psst"})
		line := chat.PrivateLine{From: "Ann", FromID: annID, To: bobID, Text: "psst", At: time.Now()}
		equal(t, wstest.Next(bob, chat.Whispered), line)
		equal(t, wstest.Next(ann, chat.Whispered), line)
		wstest.Quiet(ann, bob, eve)
		for _, room := range []string{"lobby", "elsewhere"} {
			kept := wstest.Ask(eve, chat.History, chat.HistoryQuestion{Room: room})
			equal(t, kept.Messages, []chat.Line{})
		}
	})
}

func TestPrivateToOneself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		ann, annID := arrive(t, app, "Ann")
		wstest.Send(ann, chat.Whisper, chat.PrivateSpeech{To: annID, Text: "note"})
		line := chat.PrivateLine{From: "Ann", FromID: annID, To: annID, Text: "note", At: time.Now()}
		equal(t, wstest.Next(ann, chat.Whispered), line)
		wstest.Quiet(ann) // there is no echo of it
	})
}

func TestPrivateToSomebodyWhoLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		ann, _ := arrive(t, app, "Ann")
		bob, bobID := arrive(t, app, "Bob", ann)
		leave(bob)
		equal(t, wstest.Next(ann, chat.Left).FromID, bobID)
		settle(ann)
		wstest.Send(ann, chat.Whisper, chat.PrivateSpeech{To: bobID, Text: "psst"})
		refused(t, ann, wsgate.NotFound, "nobody here has that user id")
		wstest.Quiet(ann)
	})
}

// Who asks for the rooms hears from then on how they change.
func TestRoomList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		ann, _ := arrive(t, app, "Ann")
		bob, _ := arrive(t, app, "Bob", ann)
		rooms := wstest.Ask(ann, chat.ListRooms, struct{}{})
		equal(t, rooms.Rooms, []chat.RoomRow{{Name: "lobby", Users: 2}})

		join(t, bob, "general")
		equal(t, wstest.Next(ann, chat.Left).From, "Bob")
		equal(t, wstest.Next(ann, chat.RoomChanged), chat.RoomRow{Name: "lobby", Users: 1})
		equal(t, wstest.Next(ann, chat.RoomChanged), chat.RoomRow{Name: "general", Users: 1})
		wstest.Send(bob, chat.Say, chat.Speech{Text: "Hello!"})
		equal(t, wstest.Next(ann, chat.RoomChanged), chat.RoomRow{Name: "general", Users: 1, Last: 1})
		wstest.Next(bob, chat.Said)
		wstest.Quiet(bob) // who did not ask

		leave(bob)
		equal(t, wstest.Next(ann, chat.RoomChanged), chat.RoomRow{Name: "general", Users: 0})
		rooms = wstest.Ask(ann, chat.ListRooms, struct{}{})
		equal(t, rooms.Rooms, []chat.RoomRow{{Name: "general", Last: 1}, {Name: "lobby", Users: 1}})
	})
}

// The page, and clients in other languages, depend on these very texts.
func TestWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		ann, annID := arrive(t, app, "Ann")
		bob := app.Dial(path + "?username=Bob")
		synctest.Wait() // until Bob is in the lobby
		here := wstest.Ask(ann, chat.ListUsers, chat.RoomName{Room: "lobby"})
		bobID := here.Users[1].ID

		for _, step := range []struct {
			send     string // by Bob, if anything
			bob, ann []string
		}{
			{
				bob: []string{`{"type":"welcome","userId":"<bob>","username":"Bob","room":"lobby"}`},
				ann: []string{`{"type":"joined","from":"Bob","fromId":"<bob>","room":"lobby"}`},
			},
			{
				send: `{"type":"users","room":"lobby","id":1}`,
				bob:  []string{`{"type":"users","id":1,"room":"lobby","users":[{"id":"<ann>","username":"Ann"},{"id":"<bob>","username":"Bob"}]}`},
			},
			{
				send: `{"type":"users","room":"nowhere","id":1}`,
				bob:  []string{`{"type":"users","id":1,"room":"nowhere","users":[]}`},
			},
			{
				send: `{"type":"history","room":"lobby","id":"two"}`,
				bob:  []string{`{"type":"history","id":"two","room":"lobby","messages":[]}`},
			},
			{
				send: `{"type":"message","text":"Hello!"}`,
				bob:  []string{`{"type":"message","room":"lobby","seq":1,"from":"Bob","fromId":"<bob>","text":"Hello!","at":"2000-01-01T00:00:00Z"}`},
				ann:  []string{`{"type":"message","room":"lobby","seq":1,"from":"Bob","fromId":"<bob>","text":"Hello!","at":"2000-01-01T00:00:00Z"}`},
			},
			{
				send: `{"type":"history","room":"lobby","limit":1,"id":3}`,
				bob:  []string{`{"type":"history","id":3,"room":"lobby","messages":[{"room":"lobby","seq":1,"from":"Bob","fromId":"<bob>","text":"Hello!","at":"2000-01-01T00:00:00Z"}]}`},
			},
			{
				send: `{"type":"private","to":"<ann>","text":"psst"}`,
				bob:  []string{`{"type":"private","from":"Bob","fromId":"<bob>","to":"<ann>","text":"psst","at":"2000-01-01T00:00:00Z"}`},
				ann:  []string{`{"type":"private","from":"Bob","fromId":"<bob>","to":"<ann>","text":"psst","at":"2000-01-01T00:00:00Z"}`},
			},
			{
				send: `{"type":"rename","username":"Rob"}`,
				bob:  []string{`{"type":"renamed","from":"Bob","fromId":"<bob>","username":"Rob","room":"lobby"}`},
				ann:  []string{`{"type":"renamed","from":"Bob","fromId":"<bob>","username":"Rob","room":"lobby"}`},
			},
			{
				send: `{"type":"leave","room":"lobby","id":4}`,
				bob:  []string{`{"type":"leave","id":4}`},
				ann:  []string{`{"type":"left","from":"Rob","fromId":"<bob>","room":"lobby"}`},
			},
			{
				send: `{"type":"rename","username":"Bob"}`,
				bob:  []string{`{"type":"renamed","from":"Rob","fromId":"<bob>","username":"Bob","room":""}`},
			},
			{
				send: `{"type":"message","text":"Hello?","id":5}`,
				bob:  []string{`{"type":"error","id":5,"code":"conflict","message":"join a room first"}`},
			},
			{
				send: `{"type":"message","text":"Hello?"}`,
				bob:  []string{`{"type":"error","code":"conflict","message":"join a room first"}`},
			},
			{
				send: `{"type":"rooms","id":6}`,
				bob:  []string{`{"type":"rooms","id":6,"rooms":[{"name":"lobby","users":1,"last":1}]}`},
			},
			{
				send: `{"type":"join","room":"general"}`,
				bob: []string{
					`{"type":"room","name":"general","users":1}`,
					`{"type":"users","room":"general","users":[{"id":"<bob>","username":"Bob"}]}`,
				},
			},
			{
				send: `{"type":"message","text":"Hello?"}`,
				bob: []string{
					`{"type":"message","room":"general","seq":1,"from":"Bob","fromId":"<bob>","text":"Hello?","at":"2000-01-01T00:00:00Z"}`,
					`{"type":"room","name":"general","users":1,"last":1}`,
				},
			},
		} {
			if step.send != "" {
				bob.Send(wsgate.Text(strings.ReplaceAll(step.send, "<ann>", annID)))
			}
			named := strings.NewReplacer(annID, "<ann>", bobID, "<bob>")
			for _, want := range step.bob {
				equal(t, named.Replace(string(bob.Next().Data)), want)
			}
			for _, want := range step.ann {
				equal(t, named.Replace(string(ann.Next().Data)), want)
			}
			wstest.Quiet(ann, bob)
		}
	})
}

func TestBadInput(t *testing.T) {
	for _, tt := range []struct {
		name, frame, code, message string // message is "" for the library's own words
	}{
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
		{"room with a line end", `{"type":"join","id":1,"room":"a\nb"}`, "invalid", "room has control characters or line breaks"},
		{"leave without room", `{"type":"leave","id":1}`, "invalid", "room is empty"},
		{"rename to nothing", `{"type":"rename","id":1,"username":""}`, "invalid", "username is empty"},
		{"name too long", frame("rename", "username", strings.Repeat("x", 41)), "invalid", "username has at most 40 characters, not 41"},
		{"private to nobody", `{"type":"private","id":1,"to":"?","text":"psst"}`, "not_found", "nobody here has that user id"},
		{"private and empty", `{"type":"private","id":1,"to":"?","text":""}`, "invalid", "text is empty"},
		{"private and too long", frame("private", "text", strings.Repeat("x", 2001)), "invalid", "text has at most 2000 characters, not 2001"},
		{"users of no room", `{"type":"users","id":1}`, "invalid", "room is empty"},
		{"history of no room", `{"type":"history","id":1}`, "invalid", "room is empty"},
		{"history before no seq", `{"type":"history","id":1,"room":"lobby","before":-1}`, "invalid", "before is the seq of a message, not -1"},
		{"no history", `{"type":"history","id":1,"room":"lobby","limit":-1}`, "invalid", "limit is 1 to 200, not -1"},
		{"too much history", `{"type":"history","id":1,"room":"lobby","limit":201}`, "invalid", "limit is 1 to 200, not 201"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app := newChat(t)
				c, id := arrive(t, app, "Mallory")
				c.Send(wsgate.Text(tt.frame))
				var got event
				if err := json.Unmarshal(c.Next().Data, &got); err != nil {
					t.Fatal(err)
				}
				want := event{"type": "error", "code": tt.code, "message": tt.message}
				if strings.Contains(tt.frame, `"id":1`) {
					want["id"] = 1.0
				}
				if tt.message == "" {
					want["message"] = got["message"]
				}
				equal(t, got, want)
				wstest.Quiet(c)

				// The connection lives on, where and who it was, and nothing was kept.
				here := wstest.Ask(c, chat.ListUsers, chat.RoomName{Room: "lobby"})
				equal(t, here.Users, []chat.User{{ID: id, Username: "Mallory"}})
				rooms := wstest.Ask(c, chat.ListRooms, struct{}{})
				equal(t, rooms.Rooms, []chat.RoomRow{{Name: "lobby", Users: 1}})
				wstest.Send(c, chat.Leave, chat.RoomName{Room: "lobby"})
				equal(t, wstest.Next(c, chat.RoomChanged), chat.RoomRow{Name: "lobby", Users: 0})
			})
		})
	}
}

// frame is an event with an id and one field.
func frame(kind, field, value string) string {
	return fmt.Sprintf(`{"type":%q,"id":1,%q:%q}`, kind, field, value)
}

func TestBinaryFrameIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		c, _ := arrive(t, app, "Ann")
		c.Send(wsgate.Binary([]byte(`{"type":"message","text":"x"}`)))
		wstest.ExpectError(c, wsgate.Unsupported)
		wstest.Quiet(c)
	})
}

// Who has gone is not there, however they went.
func TestChatForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		knows := func(want int) {
			t.Helper()
			wstest.Pass(time.Second)
			got, err := wsgate.Count(t.Context(), app.Hub().At(path).Room("everybody"))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, got, want)
		}
		ann, _ := arrive(t, app, "Ann")
		bob, _ := arrive(t, app, "Bob")
		arrive(t, app, "Eve")
		knows(3)
		leave(ann)
		knows(2)
		bob.Reset()
		knows(1)
	})
}

// What cannot be kept is not heard, and the client learns no more than that.
func TestMessageThatIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		ann, _ := arrive(t, app, "Ann")
		bob, _ := arrive(t, app, "Bob", ann)
		if err := app.Invoke(func(store *chat.Store) error { return store.Lose() }); err != nil {
			t.Fatal(err)
		}
		wstest.Send(ann, chat.Say, chat.Speech{Text: "Hello!"})
		refused(t, ann, wsgate.Internal, "internal error")
		_, err := wstest.TryAsk(ann, chat.History, chat.HistoryQuestion{Room: "lobby"})
		var failure *wsgate.Error
		if !errors.As(err, &failure) || failure.Code != wsgate.Internal || failure.Message != "internal error" {
			t.Errorf("got %v, want an internal error", err)
		}
		wstest.Quiet(ann, bob)
	})
}
