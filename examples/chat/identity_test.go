package main_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	chat "github.com/wsgate/wsgate/examples/chat"
	"github.com/wsgate/wsgate/wstest"
)

var (
	annToken = strings.Repeat("0a", 32)
	bobToken = strings.Repeat("0b", 32)
)

// offering is the header of a client that has a token.
func offering(token string) http.Header {
	return http.Header{"Sec-WebSocket-Protocol": {"wsgate-chat, token." + token}}
}

// dialAs connects to a real server with a token.
func dialAs(t *testing.T, s *server, token, query string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, res, err := websocket.Dial(ctx, "ws://"+s.addr+"/ws/chat"+query, &websocket.DialOptions{
		Subprotocols: []string{"wsgate-chat", "token." + token},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	equal(t, res.Header.Get("Sec-WebSocket-Protocol"), "wsgate-chat")
	c := &client{t: t, ws: ws}
	c.greeted()
	return c
}

// A private conversation, and what is one's own, outlive the server.
func TestIdentitySurvivesARestart(t *testing.T) {
	db := filepath.Join(t.TempDir(), "chat.db")
	s := serve(t, "localhost:0", db)
	ann, bob := dialAs(t, s, annToken, "?username=Ann"), dialAs(t, s, bobToken, "?username=Bob")
	annID, bobID := ann.id, bob.id
	if annID == bobID || strings.Contains(annID+bobID, annToken) {
		t.Fatalf("Ann is %s and Bob %s", annID, bobID)
	}
	ann.await(event{"type": "message", "text": "before"})
	ann.ws.CloseNow() // the server would wait for them to read that it goes
	bob.ws.CloseNow()
	s.stop()

	s = serve(t, s.addr, db)
	bob, ann = dialAs(t, s, bobToken, "?username=Bob"), dialAs(t, s, annToken, "?username=Ann")
	equal(t, []string{ann.id, bob.id}, []string{annID, bobID})
	kept := ann.await(event{"type": "history", "room": "lobby"})["messages"].([]any)
	equal(t, kept[0].(event)["fromId"], any(annID))
	ann.until(func() bool { _, here := ann.people[bobID]; return here }) // the welcome comes before one is there
	if answer := ann.await(event{"type": "private", "to": bobID, "text": "still there?"}); answer["type"] != "private" {
		t.Errorf("a message to Bob after the restart: %v", answer)
	}
	for e := bob.read(); e["type"] != "private"; e = bob.read() {
		if e["type"] != "joined" {
			t.Errorf("Bob heard %v", e)
		}
	}
}

// A token is a secret between its client and the server: it is in no log, and nobody else hears of it.
func TestTokenIsSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		app := newChat(t, wstest.With(&wsgate.Options{Logger: logger}))
		bob, _ := arrive(t, app, "Bob")
		ann := app.Dial(path+"?username=Ann", offering(annToken))
		ann.Send(wsgate.Text(`{"type":"message","text":7}`)) // wrong: something to log
		app.ExpectRefused(http.StatusBadRequest, path, offering(annToken[2:]))
		ann.Send(wsgate.Text(`{"type":"rename","username":"Anna"}`))
		wstest.Pass(time.Second)
		for _, c := range []*wstest.Client{ann, bob} {
			for _, text := range heard(c) {
				if strings.Contains(text, annToken[2:]) {
					t.Errorf("heard %s", text)
				}
			}
		}
		ann.Reset()
		wstest.Pass(time.Second)
		synctest.Wait()
		if log.Len() == 0 || strings.Contains(log.String(), annToken[2:]) {
			t.Errorf("logged:\n%s", &log)
		}
	})
}

func TestTokenThatCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		_, annID := arrive(t, app, "Ann")
		for _, token := range []string{"", "0a", annToken + "0a", strings.Repeat("zz", 32), annID} {
			app.ExpectRefused(http.StatusBadRequest, path, offering(token))
		}
	})
}

// On every node somebody is the same.
func TestIdentityOnTwoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, new(wstest.Broker), 2)
		ann := nodes[0].Dial(path, offering(annToken))
		id := wstest.Next(ann, chat.Welcome).UserID
		leave(ann)
		wstest.Pass(time.Second)
		ann = nodes[1].Dial(path, offering(annToken))
		equal(t, wstest.Next(ann, chat.Welcome).UserID, id)
	})
}

// A connection that is lost is noticed later than its client, who has come back. Nobody hears that they left, and they
// are where they are.
func TestReturnBeforeTheLossIsNoticed(t *testing.T) {
	for name, nodes := range map[string]int{"one node": 1, "another node": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nodes := newNodes(t, new(wstest.Broker), nodes)
				bob, bobID := arrive(t, nodes[0], "Bob")
				lost := nodes[0].Dial(path+"?username=Ann&room=lobby", offering(annToken))
				annID := wstest.Next(lost, chat.Welcome).UserID
				equal(t, wstest.Next(bob, chat.Joined).FromID, annID)
				settle(lost, bob)

				back := nodes[len(nodes)-1].Dial(path+"?username=Ann&room=lobby", offering(annToken))
				equal(t, wstest.Next(back, chat.Welcome).UserID, annID)
				settle(back, bob)
				lost.Reset()
				wstest.Pass(time.Second)
				for _, text := range heard(bob) {
					t.Errorf("Bob heard %s", text)
				}
				both := []chat.User{{ID: annID, Username: "Ann"}, {ID: bobID, Username: "Bob"}}
				equal(t, usersIn(bob, "lobby"), both)
				equal(t, usersIn(back, "lobby"), both)
				wstest.Send(bob, chat.Whisper, chat.PrivateSpeech{To: annID, Text: "psst"})
				equal(t, wstest.Next(back, chat.Whispered).Text, "psst")
			})
		})
	}
}

// Who has come back to another room has left the one of the connection that was lost.
func TestReturnToAnotherRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		bob, _ := arrive(t, app, "Bob")
		lost := app.Dial(path+"?username=Ann", offering(annToken))
		wstest.Next(bob, chat.Joined)
		back := app.Dial(path+"?username=Ann&room=general", offering(annToken))
		equal(t, wstest.Next(back, chat.Welcome).Room, "general")
		settle(back, bob)
		lost.Reset()
		equal(t, wstest.Next(bob, chat.Left).From, "Ann")
		wstest.Pass(time.Second)
		equal(t, len(usersIn(back, "general")), 1)
		equal(t, len(usersIn(back, "lobby")), 1)
	})
}

// A person has one connection to a server, the newest: a person is in one room at a time.
func TestNewestConnectionStays(t *testing.T) {
	s := start(t)
	first := dialAs(t, s, annToken, "?username=Ann")
	second := dialAs(t, s, annToken, "?username=Ann")
	for {
		_, err := first.tryRead()
		var closed websocket.CloseError
		if errors.As(err, &closed) {
			equal(t, closed.Code, wsgate.StatusReplaced)
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	equal(t, usersOf(second.await(event{"type": "users", "room": "lobby"})), map[string]string{first.id: "Ann"})
}

// An address may name the room to begin in.
func TestFirstRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		bob, _ := arrive(t, app, "Bob")
		for query, want := range map[string]string{
			"?room=general": "general", "?room=%20general%20": "general", "": "lobby", "?room=": "lobby",
			"?room=a%0Ab": "lobby", "?room=" + strings.Repeat("x", 41): "lobby",
		} {
			c := app.Dial(path + query)
			hello := wstest.Next(c, chat.Welcome)
			equal(t, hello.Room, want)
			equal(t, usersIn(c, want)[0].Username, "Anonymous")
			leave(c)
			settle(bob)
		}
	})
}
