package clustertest

import (
	"maps"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// arrive connects a user and joins the lobby.
func arrive(app *wstest.App, user string) *wstest.Client {
	c := app.Dial("/?user=" + user)
	wstest.Do(c, join, lobby)
	return c
}

// awaitPresent reads the news until exactly these users are there, by id with their nodes.
func awaitPresent(t *testing.T, c *wstest.Client, now, want map[string]string) {
	t.Helper()
	for !maps.Equal(now, want) {
		p := wstest.Next(c, present)
		if p.All {
			clear(now)
		}
		maps.Copy(now, p.Here)
		for _, user := range p.Gone {
			delete(now, user)
		}
		if p.Count != len(now) {
			t.Errorf("got the number %d, and %d users: %v", p.Count, len(now), now)
		}
	}
}

func wantMembers(t *testing.T, app *wstest.App, want map[string]string) {
	t.Helper()
	room := app.Hub().At("/").Room(lobby)
	if got, err := wsgate.Members[string](t.Context(), room); err != nil || !maps.Equal(got, want) {
		t.Errorf("Members: got %v, %v, want %v", got, err, want)
	}
	if got, err := wsgate.Count(t.Context(), room); err != nil || got != len(want) {
		t.Errorf("Count: got %d, %v, want %d", got, err, len(want))
	}
}

// All nodes agree on who is in a room, also one where nobody is in it, and a user with two connections counts once.
func TestPresence(t *testing.T) {
	overEngines(t, func(t *testing.T, s *server) {
		apps := startApps(t, s, 3)
		nobody := apps[2]
		wantMembers(t, nobody, nil)

		ann, bob := arrive(apps[0], "ann"), arrive(apps[1], "bob")
		both := map[string]string{"ann": "node0", "bob": "node1"}
		annSees, bobSees := map[string]string{}, map[string]string{}
		awaitPresent(t, ann, annSees, both)
		awaitPresent(t, bob, bobSees, both)
		for _, app := range apps {
			wantMembers(t, app, both)
		}

		tab := arrive(apps[1], "ann") // is newer
		moved := map[string]string{"ann": "node1", "bob": "node1"}
		awaitPresent(t, ann, annSees, moved)
		awaitPresent(t, bob, bobSees, moved)
		wantMembers(t, nobody, moved)
		tab.Close(1000, "")
		awaitPresent(t, bob, bobSees, both)
		awaitPresent(t, ann, annSees, both)
		wantMembers(t, nobody, both)

		ann.Close(1000, "")
		awaitPresent(t, bob, bobSees, map[string]string{"bob": "node1"})
		wantMembers(t, nobody, map[string]string{"bob": "node1"})
		wstest.Do(bob, leave, lobby)
		cleo := arrive(apps[0], "cleo")
		awaitPresent(t, cleo, map[string]string{}, map[string]string{"cleo": "node0"})
		wantMembers(t, nobody, map[string]string{"cleo": "node0"})
		wantUncounted(t, apps)
	})
}

// A node that ends takes its users with it at once.
func TestPresenceOfNodeThatEnds(t *testing.T) {
	overEngines(t, func(t *testing.T, s *server) {
		stays := startApps(t, s, 1)[0]
		ann := arrive(stays, "ann")
		sees := map[string]string{}
		t.Run("meanwhile", func(t *testing.T) {
			arrive(startApp(t, "other", s.connect(t)), "bob")
			awaitPresent(t, ann, sees, map[string]string{"ann": "node0", "bob": "other"})
		})
		awaitPresent(t, ann, sees, map[string]string{"ann": "node0"})
		wantMembers(t, stays, sees)
	})
}
