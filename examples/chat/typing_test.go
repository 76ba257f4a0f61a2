package main_test

import (
	"testing"
	"testing/synctest"
	"time"

	chat "github.com/wsgate/wsgate/examples/chat"
	"github.com/wsgate/wsgate/wstest"
)

// That somebody is typing reaches those who would hear the message, not more than once a second, and is not kept.
func TestTyping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newChat(t)
		ann, annID := arrive(t, app, "Ann")
		bob, bobID := arrive(t, app, "Bob", ann)
		eve, _ := arrive(t, app, "Eve", ann, bob)
		join(t, eve, "elsewhere")
		settle(ann, bob, eve)

		typing := func(to string) { wstest.Do(ann, chat.Type, chat.Recipient{To: to}) }
		told := chat.TypingUser{From: "Ann", FromID: annID, Room: "lobby"}
		typing("")
		equal(t, wstest.Next(bob, chat.Typing), told)
		typing("")
		typing(bobID)
		wstest.Quiet(ann, bob, eve)
		wstest.Pass(time.Second)
		typing(bobID)
		told.Room = ""
		equal(t, wstest.Next(bob, chat.Typing), told)
		wstest.Quiet(ann, bob, eve)

		wstest.Pass(time.Second)
		typing("nobody")
		wstest.Do(ann, chat.Leave, chat.RoomName{Room: "lobby"})
		wstest.Next(bob, chat.Left)
		wstest.Pass(time.Second)
		wstest.Drain(ann, bob, eve)
		typing("")
		wstest.Quiet(ann, bob, eve)
		equal(t, wstest.Ask(bob, chat.History, chat.HistoryQuestion{Room: "lobby"}).Messages, []chat.Line{})
	})
}
