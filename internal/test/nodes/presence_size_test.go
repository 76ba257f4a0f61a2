package nodes_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// However much there is to tell of the users in a room, members hear of them, or how many they are; and of all of them
// again as soon as that fits.
func TestPresenceThatDoesNotFit(t *testing.T) {
	for _, test := range []struct{ users, meta int }{
		{300, 4000}, {999, 1100}, {100, 3000}, {50, 40},
	} {
		kit.Bubble(t, fmt.Sprintf("%d users with %d bytes", test.users, test.meta), func(t *testing.T) {
			app := startVisitors(t, nil, 1)[0]
			name := strings.Repeat("n", test.meta)
			old := app.Dial("/ws?id=old&name=old")
			wstest.Do(old, enter, "red")
			wstest.Pass(time.Second)
			if got := wstest.Next(old, people); !got.All || got.Count != 1 {
				t.Fatalf("got %v", got)
			}
			var all []*wstest.Client
			for i := range test.users - 1 { // together
				c := app.Dial(fmt.Sprintf("/ws?id=u%d&name=%s", i, name))
				all = append(all, c)
				wstest.Send(c, enter, "red")
			}
			synctest.Wait()
			wstest.Pass(2 * time.Second)
			known := map[string]person{"old": {"old"}}
			hear := func(c *wstest.Client, known map[string]person, until int) { // that many are there
				for {
					got := wstest.Next(c, people)
					if got.All || len(got.Here)+len(got.Gone) == 0 {
						clear(known)
					}
					maps.Copy(known, got.Here)
					for _, id := range got.Gone {
						delete(known, id)
					}
					if got.Count == until {
						return
					}
				}
			}
			newest := map[string]person{}
			fits := test.users*(test.meta+20) < 512<<10
			for who, known := range map[*wstest.Client]map[string]person{old: known, all[len(all)-1]: newest} {
				hear(who, known, test.users)
				if want := test.users; fits && len(known) != want || !fits && len(known) != 0 {
					t.Errorf("a member knows %d users by name; that all fit is %v", len(known), fits)
				}
			}
			for _, c := range all[1:] {
				wstest.Do(c, exit, "red")
			}
			wstest.Pass(10 * time.Second)
			hear(old, known, 2)
			if len(known) != 2 {
				t.Errorf("two are left, a member knows %d", len(known))
			}
		})
	}
}

// A room whose name is not for its members can be declined: nothing is told of it, and nobody is in it.
func TestPresenceDeclined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := startVisitors(t, nil, 1)[0]
		ann, bob := app.Dial("/ws?id=ann&name=Ann"), app.Dial("/ws?id=bob&name=Bob")
		for _, c := range []*wstest.Client{ann, bob} {
			wstest.Do(c, enter, "secret/token")
			wstest.Do(c, enter, "red")
		}
		wstest.Pass(time.Second)
		for _, c := range []*wstest.Client{ann, bob} {
			if got := wstest.Next(c, people); got.Room != "red" || got.Count != 2 {
				t.Errorf("got %v, want two in red", got)
			}
			wstest.Quiet(c)
		}
		room := app.Hub().At("/ws").Room("secret/token")
		if n, err := wsgate.Count(t.Context(), room); n != 0 || err != nil || room.Len() != 2 {
			t.Errorf("%d users are tracked, %v, want none of the %d connections", n, err, room.Len())
		}
		wstest.Do(ann, exit, "secret/token")
		wstest.Pass(10 * time.Second)
		wstest.Quiet(bob)
	})
}
