package main_test

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	chat "github.com/wsgate/wsgate/examples/chat"
	"github.com/wsgate/wsgate/wstest"
)

// These are the tests of several nodes: Apps on one broker, with one database.

// newNodes returns the chat on some nodes, with nobody in it.
func newNodes(t *testing.T, broker wsgate.Broker, n int) (nodes []*wstest.App) {
	t.Helper()
	db := filepath.Join(t.TempDir(), "chat.db")
	for range n {
		nodes = append(nodes, wstest.New(t, chat.NewModule(db), wstest.With(&wsgate.Options{Broker: broker})))
	}
	return nodes
}

// usersIn asks who is in a room.
func usersIn(c *wstest.Client, room string) []chat.User {
	return wstest.Ask(c, chat.ListUsers, chat.RoomName{Room: room}).Users
}

func TestNodesTalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, new(wstest.Broker), 3)
		ann, annID := arrive(t, nodes[0], "Ann")
		bob, bobID := arrive(t, nodes[1], "Bob", ann)
		eve, _ := arrive(t, nodes[2], "Eve", ann, bob)
		join(t, eve, "elsewhere")
		wstest.Ask(eve, chat.ListRooms, struct{}{})
		settle(ann, bob, eve)

		at := time.Now().UTC()
		for seq, from := range []struct {
			c        *wstest.Client
			name, id string
		}{{ann, "Ann", annID}, {bob, "Bob", bobID}, {ann, "Ann", annID}} {
			wstest.Send(from.c, chat.Say, chat.Speech{Text: "Hello!"})
			want := chat.Line{Room: "lobby", Seq: int64(seq + 1), From: from.name, FromID: from.id, Text: "Hello!", At: at}
			equal(t, wstest.Next(ann, chat.Said), want)
			equal(t, wstest.Next(bob, chat.Said), want)
			equal(t, wstest.Next(eve, chat.RoomChanged), chat.RoomRow{Name: "lobby", Users: 2, Last: int64(seq + 1)})
		}
		if n := len(wstest.Ask(eve, chat.History, chat.HistoryQuestion{Room: "lobby"}).Messages); n != 3 {
			t.Errorf("%d messages are kept, want 3", n)
		}
		wstest.Quiet(ann, bob, eve)
	})
}

func TestNodesKnowThePeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, new(wstest.Broker), 2)
		ann, annID := arrive(t, nodes[0], "Ann")
		settle(ann)
		bob, bobID := arrive(t, nodes[1], "Bob", ann) // the first on that node: it asks the engine who is there
		both := []chat.User{{ID: annID, Username: "Ann"}, {ID: bobID, Username: "Bob"}}
		equal(t, usersIn(bob, "lobby"), both)
		settle(bob)
		wstest.Pass(time.Second)
		equal(t, usersIn(ann, "lobby"), both)
		wstest.Drain(ann)

		wstest.Send(bob, chat.Rename, chat.NewName{Username: "Rob"})
		change := chat.NameChange{From: "Bob", FromID: bobID, Username: "Rob", Room: "lobby"}
		equal(t, wstest.Next(ann, chat.Renamed), change)
		equal(t, wstest.Next(bob, chat.Renamed), change)
		settle(ann, bob)
		both[1].Username = "Rob"
		equal(t, usersIn(ann, "lobby"), both)

		equal(t, join(t, bob, "general"), both[1:])
		equal(t, wstest.Next(ann, chat.Left).From, "Rob")
		settle(ann, bob)
		equal(t, usersIn(ann, "lobby"), both[:1])
		equal(t, usersIn(ann, "general"), both[1:])

		leave(bob)
		settle(ann)
		equal(t, usersIn(ann, "general"), []chat.User{})
	})
}

// What the page keeps its lists by, as text.
func TestWireOfPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, new(wstest.Broker), 2)
		ann, annID := arrive(t, nodes[0], "Ann")
		bobID := "unknown"
		hears := func(want ...string) {
			t.Helper()
			wstest.Pass(time.Second)
			var got []string
			for _, text := range heard(ann) {
				if strings.Contains(text, `"room":"everybody"`) {
					text = visit.ReplaceAllString(text, `"visit":"<visit>"`)
					got = append(got, strings.NewReplacer(annID, "<ann>", bobID, "<bob>").Replace(text))
				}
			}
			equal(t, got, want)
		}
		hears(`{"type":"people","room":"everybody","all":true,"here":{"<ann>":{"username":"Ann","room":"lobby","visit":"<visit>"}},"count":1}`)
		var bob *wstest.Client
		bob, bobID = arrive(t, nodes[1], "Bob", ann)
		hears(`{"type":"people","room":"everybody","here":{"<bob>":{"username":"Bob","room":"lobby","visit":"<visit>"}},"count":2}`)
		wstest.Do(bob, chat.Leave, chat.RoomName{Room: "lobby"})
		hears(`{"type":"people","room":"everybody","here":{"<bob>":{"username":"Bob","room":"","visit":"<visit>"}},"count":2}`)
		wstest.Do(bob, chat.Rename, chat.NewName{Username: "Rob"})
		hears(`{"type":"people","room":"everybody","here":{"<bob>":{"username":"Rob","room":"","visit":"<visit>"}},"count":2}`)
		leave(bob)
		hears(`{"type":"people","room":"everybody","gone":["<bob>"],"count":1}`)
	})
}

var visit = regexp.MustCompile(`"visit":"[A-Z2-7]+"`)

// heard returns what a client has heard, as text.
func heard(c *wstest.Client) (texts []string) {
	done := wsgate.Text(`{"type":"users","room":"nowhere","id":"end"}`)
	c.Send(done)
	for {
		text := c.NextText()
		if strings.Contains(text, `"id":"end"`) {
			return texts
		}
		texts = append(texts, text)
	}
}

func TestNodesWhisper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := new(wstest.Broker)
		nodes := newNodes(t, broker, 2)
		ann, annID := arrive(t, nodes[0], "Ann")
		eve, eveID := arrive(t, nodes[0], "Eve", ann)
		bob, bobID := arrive(t, nodes[1], "Bob", ann, eve)
		settle(ann, bob, eve)
		whisper := func(to string) { wstest.Send(ann, chat.Whisper, chat.PrivateSpeech{To: to, Text: "psst"}) }
		line := chat.PrivateLine{From: "Ann", FromID: annID, To: bobID, Text: "psst", At: time.Now().UTC()}
		whisper(bobID)
		equal(t, wstest.Next(bob, chat.Whispered), line)
		equal(t, wstest.Next(ann, chat.Whispered), line)
		wstest.Quiet(eve)

		broker.SetAway(errors.New("gone fishing"))
		whisper(bobID)
		refused(t, ann, wsgate.Unavailable, "this person cannot be reached at the moment")
		whisper(eveID)
		line.To = eveID
		equal(t, wstest.Next(eve, chat.Whispered), line)
		equal(t, wstest.Next(ann, chat.Whispered), line)
		broker.SetAway(nil)

		leave(bob)
		settle(ann)
		whisper(bobID)
		refused(t, ann, wsgate.NotFound, "nobody here has that user id")
	})
}

func TestNodesListRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, new(wstest.Broker), 2)
		ann, _ := arrive(t, nodes[0], "Ann")
		bob, _ := arrive(t, nodes[1], "Bob", ann)
		join(t, bob, "silent")
		wstest.Next(ann, chat.Left)
		settle(ann, bob)
		rooms := wstest.Ask(ann, chat.ListRooms, struct{}{})
		equal(t, rooms.Rooms, []chat.RoomRow{{Name: "lobby", Users: 1}, {Name: "silent", Users: 1}})

		join(t, bob, "general")
		equal(t, wstest.Next(ann, chat.RoomChanged), chat.RoomRow{Name: "silent"})
		equal(t, wstest.Next(ann, chat.RoomChanged), chat.RoomRow{Name: "general", Users: 1})
		settle(ann)
		leave(bob)
		equal(t, wstest.Next(ann, chat.RoomChanged), chat.RoomRow{Name: "general"})
	})
}

// Those on the other nodes see that people left, and miss nothing.
func TestNodeShutsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, new(wstest.Broker), 3)
		ann, annID := arrive(t, nodes[0], "Ann")
		bob, bobID := arrive(t, nodes[1], "Bob", ann)
		eve, eveID := arrive(t, nodes[1], "Eve", ann, bob)
		cleo, cleoID := arrive(t, nodes[2], "Cleo", ann, bob, eve)
		settle(ann, bob, cleo, eve)
		if err := nodes[1].Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		for _, c := range []*wstest.Client{ann, cleo} {
			left := map[string]bool{wstest.Next(c, chat.Left).FromID: true, wstest.Next(c, chat.Left).FromID: true}
			equal(t, left, map[string]bool{bobID: true, eveID: true})
		}
		settle(ann, cleo)
		equal(t, usersIn(cleo, "lobby"), []chat.User{{ID: annID, Username: "Ann"}, {ID: cleoID, Username: "Cleo"}})
		wstest.Send(ann, chat.Say, chat.Speech{Text: "Who is left?"})
		equal(t, wstest.Next(ann, chat.Said), wstest.Next(cleo, chat.Said))
	})
}

// While the nodes do not reach each other the chat goes on on each of them, for newcomers as well.
func TestNodesWithoutEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := new(wstest.Broker)
		nodes := newNodes(t, broker, 2)
		ann, annID := arrive(t, nodes[0], "Ann")
		bob, bobID := arrive(t, nodes[1], "Bob", ann)
		settle(ann, bob)

		broker.SetAway(errors.New("gone fishing"))
		eve, eveID := arrive(t, nodes[0], "Eve", ann)
		wstest.Do(eve, chat.Rename, chat.NewName{Username: "Eva"})
		equal(t, wstest.Next(ann, chat.Renamed).Username, "Eva")
		wstest.Next(eve, chat.Renamed)
		wstest.Do(ann, chat.Say, chat.Speech{Text: "Just us."})
		equal(t, wstest.Next(ann, chat.Said), wstest.Next(eve, chat.Said))
		join(t, ann, "general")
		join(t, ann, "lobby")
		wstest.Next(eve, chat.Left)
		wstest.Next(eve, chat.Joined)
		wstest.Quiet(bob)
		three := []chat.User{{ID: annID, Username: "Ann"}, {ID: bobID, Username: "Bob"}, {ID: eveID, Username: "Eva"}}
		equal(t, usersIn(ann, "lobby"), three) // Bob was there when the engine was

		broker.SetAway(nil)
		wstest.Pass(time.Second)
		equal(t, usersIn(bob, "lobby"), three)
		wstest.Drain(ann, bob, eve)
		wstest.Send(bob, chat.Say, chat.Speech{Text: "Here I am."})
		for _, c := range []*wstest.Client{ann, bob, eve} {
			line := wstest.Next(c, chat.Said)
			equal(t, []any{line.Text, line.Seq}, []any{"Here I am.", int64(2)})
		}
	})
}

// Whatever comes between handlers on different nodes, the people events are right in the end.
func TestNodesMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, new(wstest.Broker), 3)
		const movers, moves = 6, 20
		var clients []*wstest.Client
		for i := range movers {
			clients = append(clients, nodes[i%len(nodes)].Dial(path))
		}
		for n := range moves {
			for i, c := range clients {
				wstest.Send(c, chat.Join, chat.RoomName{Room: []string{"x", "y", "z"}[(n+i)%3]})
			}
			wstest.Pass(70 * time.Millisecond)
		}
		leave(clients[0])
		wstest.Pass(time.Second)
		var want map[string]chat.Person
		for i, c := range clients[1:] {
			got := listed(t, c)
			if i == 0 {
				want = got
			}
			equal(t, len(got), movers-1)
			equal(t, got, want)
		}
	})
}

// listed returns who is connected, as the people events say that the client has heard.
func listed(t *testing.T, c *wstest.Client) (people map[string]chat.Person) {
	t.Helper()
	for _, text := range heard(c) {
		if change, ok := everybody(t, []byte(text)); ok {
			people = apply(t, people, change)
		}
	}
	return people
}
