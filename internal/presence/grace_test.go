package presence_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate/wstest"
)

// The grace of a user runs in a thousand rooms at a time and not in more, which is nothing to any other user.
func TestGraceIsBounded(t *testing.T) {
	const rooms, most = 1500, 1000
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(0)
		n := e.start("here")
		defer n.stop()
		defer n.Close(t.Context())
		for i := range rooms { // so that everything about them is known without asking the store
			n.Enter(fmt.Sprint("room", i), 3, "watcher", []byte(`{}`))
		}
		wstest.Pass(time.Minute - 10*time.Second)
		stay := func(user string) (count int) {
			t.Helper()
			for i := range rooms {
				members, _, err := n.Members(t.Context(), fmt.Sprint("room", i))
				if err != nil {
					t.Fatal(err)
				}
				if _, ok := members[user]; ok {
					count++
				}
			}
			return count
		}
		visit := func(first int) {
			for i := first; i < rooms; i++ {
				n.Enter(fmt.Sprint("room", i), 1, "eve", []byte(`{}`))
				n.Exit(fmt.Sprint("room", i), 1, "eve")
			}
		}
		n.Enter("room7", 2, "bob", []byte(`{}`))
		visit(0)
		n.Exit("room7", 2, "bob")
		if got := stay("eve"); got != most {
			t.Errorf("eve stays in %d rooms, want %d", got, most)
		}
		if got := stay("bob"); got != 1 {
			t.Errorf("bob stays in %d rooms, want his own", got)
		}
		wstest.Pass(6 * time.Second)
		if eve, bob := stay("eve"), stay("bob"); eve+bob != 0 {
			t.Errorf("after their grace eve stays in %d rooms and bob in %d, want none", eve, bob)
		}
		visit(rooms - 10) // as if nothing had been
		if got := stay("eve"); got != 10 {
			t.Errorf("eve stays in %d rooms, want 10", got)
		}
	})
}
