package nodes_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// Rooms with names that mean something to engines do not mix.
func TestRoomNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		apps := startApps(t, new(local.Broker), 2)
		rooms := []string{
			"*", ">", "a", "a.b", "a..b", ".a", "a.*", "a.>", ".", "..", "=", "=2E", "%2E", " ", "/", "$SYS", "😀", "é", "e\u0301", "K", "k",
			"\u200b", "\u202e", "\ufeff", "\u00a0", "\u3000", "می\u200cخواهم", "👨\u200d👩\u200d👧",
			strings.Repeat("x", 255), strings.Repeat("x", 254) + "y", strings.Repeat("ü", 127), strings.Repeat(".", 255),
		}
		var clients []*wstest.Client
		for _, room := range rooms {
			c := apps[1].Dial("/ws")
			wstest.Do(c, enter, room)
			clients = append(clients, c)
		}
		for _, room := range rooms {
			if err := heard.Emit(apps[0].in(room), room); err != nil {
				t.Errorf("%+q: %v", room, err)
			}
		}
		for i, c := range clients {
			if got := wstest.Next(c, heard); got != rooms[i] {
				t.Errorf("%+q got what was sent to %+q", rooms[i], got)
			}
		}
		for _, name := range []string{"", "a\r\nPUB b 1", "\x00", "a\x00", "\n", "\x7f", "\xff", "a\xff", "\u0085", "\u2028", "\u2029", strings.Repeat("x", 256)} {
			for c := range apps[1].Hub().Conns() {
				if err := c.Join(name); err == nil {
					t.Errorf("%+q: joined", name)
				}
			}
			if err := heard.Emit(apps[0].in(name), "?"); err != nil {
				t.Errorf("sending to %+q: %v, want nobody and no error", name, err)
			}
		}
		wstest.Quiet(clients...)
		for i, app := range apps {
			if n := kit.Ignored(app); n != 0 {
				t.Errorf("node %d ignored %d messages, want none", i, n)
			}
		}
	})
}

// Users are told apart by every byte of their id.
func TestUserNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		apps := startApps(t, new(local.Broker), 2)
		ids := []string{
			"*", ">", "a.b", "a..b", "a", "A", "a ", "=", "=2E", "a\r\nPUB b 1", "\x00", "a\x00", "\u200b", "é", "e\u0301", "😀",
			strings.Repeat("x", 255), strings.Repeat("\x01", 255),
		}
		var clients []*wstest.Client
		for _, id := range ids {
			clients = append(clients, apps[1].Dial("/ws?name="+url.QueryEscape(id)))
		}
		for _, id := range ids {
			if err := heard.Emit(apps[0].Hub().User(id), id); err != nil {
				t.Errorf("%+q: %v", id, err)
			}
		}
		for i, c := range clients {
			if got := wstest.Next(c, heard); got != ids[i] {
				t.Errorf("%+q got what was sent to %+q", ids[i], got)
			}
		}
		wstest.Quiet(clients...)
	})
}
