package clustertest

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// oddNames mean something to an engine, or are as long as a name may be.
var oddNames = []string{
	"*", ">", "a", "A", "a.b", "a..b", ".a", "a.", "a.*", "a.>", "a b", "=", "=2A", "$SYS", "_INBOX.x", "[a-z]", "?", "a\\", "{a}", "a:b",
	"می\u200cخواهم\u3000\u00a0\ufeff", "👨\u200d👩\u200d👧🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
	"🙂", "🙂🙂", "é", "e\u0301", "\"", "'", "%s", strings.Repeat("x", 255), strings.Repeat("é*", 85),
}

// A room with an odd name has its members, and nobody else.
func TestOddRooms(t *testing.T) {
	overEngines(t, func(t *testing.T, s *server) {
		apps := startApps(t, s, 3)
		var clients []*wstest.Client
		for i, room := range oddNames {
			c := apps[i%len(apps)].Dial("/")
			wstest.Do(c, join, room)
			clients = append(clients, c)
		}
		for _, text := range []string{"first", "second"} {
			for _, room := range oddNames {
				emit(t, apps[0].Hub().At("/").Room(room), text+" in "+room)
			}
		}
		for i, room := range oddNames {
			wantLines(t, clients[i], "first in "+room, "second in "+room)
		}
		wantUncounted(t, apps)
	})
}

// A user with an odd id gets what is sent to him, on all nodes, and nobody else does.
func TestOddUsers(t *testing.T) {
	overEngines(t, func(t *testing.T, s *server) {
		apps := startApps(t, s, 2)
		clients := map[string][]*wstest.Client{}
		for _, id := range oddNames {
			for _, app := range apps {
				clients[id] = append(clients[id], app.Dial("/?user="+url.QueryEscape(id)))
			}
		}
		for _, text := range []string{"first", "second"} {
			for _, id := range oddNames {
				emit(t, apps[1].Hub().User(id), text+" for "+id)
			}
		}
		for _, id := range oddNames {
			for _, c := range clients[id] {
				wantLines(t, c, "first for "+id, "second for "+id)
			}
		}
		wantUncounted(t, apps)
	})
}

// Who is excepted on one node gets nothing from another.
func TestExcept(t *testing.T) {
	overEngines(t, func(t *testing.T, s *server) {
		apps := startApps(t, s, 3)
		var clients []*wstest.Client
		var conns []wsgate.AnyConn // of the same clients, in another order
		for _, app := range apps {
			for range 2 {
				c := app.Dial("/")
				wstest.Do(c, join, lobby)
				clients = append(clients, c)
			}
			conns = slices.AppendSeq(conns, app.Hub().Conns())
		}
		room := apps[0].Hub().At("/").Room(lobby)
		for i, c := range conns {
			emit(t, room.Except(c), strconv.Itoa(i))
		}
		emit(t, room.Except(conns...), "for nobody")
		emit(t, room, "for all")
		missing := map[string]int{}
		for _, c := range clients {
			var got []string
			for range conns { // all but one, and the last
				got = append(got, wstest.Next(c, heard).Padding)
			}
			for i := range conns {
				if !slices.Contains(got, strconv.Itoa(i)) {
					missing[strconv.Itoa(i)]++
				}
			}
			if got[len(got)-1] != "for all" {
				t.Errorf("got %q, want all lines but one", got)
			}
			wstest.Quiet(c)
		}
		if len(missing) != len(clients) {
			t.Errorf("got %v, want each line missing at one client", missing)
		}
		wantUncounted(t, apps)
	})
}

// What goes to all of a gateway and to the hub goes to all nodes.
func TestEverybody(t *testing.T) {
	overEngines(t, func(t *testing.T, s *server) {
		apps := startApps(t, s, 3)
		clients := dialAll(apps)
		for i, app := range apps {
			emit(t, app.Hub(), fmt.Sprint("the hub of ", i))
			emit(t, app.Hub().At("/"), fmt.Sprint("the route of ", i))
			for _, c := range clients {
				wantLines(t, c, fmt.Sprint("the hub of ", i), fmt.Sprint("the route of ", i))
			}
		}
		wantUncounted(t, apps)
	})
}

// Disconnect closes connections on every node and spares the others.
func TestDisconnect(t *testing.T) {
	overEngines(t, func(t *testing.T, s *server) {
		apps := startApps(t, s, 3)
		var anns, others []*wstest.Client
		for i, app := range apps {
			anns = append(anns, app.Dial("/?user=ann"), app.Dial("/?user=ann"))
			other := app.Dial("/") // nobody's, who hears no news of who is there
			others = append(others, other)
			wstest.Do(other, join, fmt.Sprint("room ", i%2))
		}
		if err := apps[1].Hub().User("ann").Disconnect(t.Context(), 4001, "enough"); err != nil {
			t.Errorf("got %v, want no error", err)
		}
		for _, c := range anns {
			if reason := wstest.ExpectClose(c, 4001); reason != "enough" {
				t.Errorf("got the reason %q, want enough", reason)
			}
		}
		wstest.Quiet(others...)
		if err := apps[2].Hub().At("/").Room("room 0").Disconnect(t.Context(), 4002, ""); err != nil {
			t.Errorf("got %v, want no error", err)
		}
		wstest.ExpectClose(others[0], 4002)
		wstest.ExpectClose(others[2], 4002)
		wstest.Quiet(others[1])
		if err := apps[0].Hub().Disconnect(t.Context(), 4003, ""); err != nil {
			t.Errorf("got %v, want no error", err)
		}
		wstest.ExpectClose(others[1], 4003)
		wantUncounted(t, apps)
	})
}
