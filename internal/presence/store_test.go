package presence_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate/wstest"
)

// A table that fails, or does not answer, delays no other room.
func TestOneTableFails(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		t.Run(fmt.Sprint("hangs: ", hangs), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEngine(0)
				e.hangs = hangs
				n := e.start("here")
				e.breakTable("broken", true)
				n.Enter("broken", 1, "ann", []byte(`{}`))
				n.crowd.add(1, "broken", "ann")
				wstest.Pass(time.Second)
				for i := range 20 {
					id, room := 2+i, fmt.Sprint("room", i)
					n.Enter(room, id, "bob", []byte(`{}`))
					n.crowd.add(id, room, "bob")
					wstest.Pass(600 * time.Millisecond) // to read the table, and to coalesce
					for _, wrong := range n.crowd.unlike(room, map[string]string{"bob": `{}`}) {
						t.Errorf("%s: %s", room, wrong)
					}
				}
				e.heal()
				wstest.Pass(10 * time.Second)
				for _, wrong := range append(n.crowd.unlike("broken", map[string]string{"ann": `{}`}), n.crowd.wrong...) {
					t.Error(wrong)
				}
				n.Close(t.Context())
				n.stop()
			})
		})
	}
}

// Users who leave while the store fails leave nothing behind, and their rows are deleted when it works again.
func TestLeavingWhileTheStoreFails(t *testing.T) {
	const users = 2000
	for name, roomOf := range map[string]func(i int) string{
		"one room":   func(int) string { return "red" },
		"many rooms": func(i int) string { return fmt.Sprint("room", i) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEngine(0)
				n := e.start("here")
				n.Enter("blue", -1, "stays", []byte(`{}`))
				enter := func(i int) { n.Enter(roomOf(i), i, fmt.Sprint("user", i), []byte(`{}`)) }
				exit := func(i int) { n.Exit(roomOf(i), i, fmt.Sprint("user", i)) }
				for i := range users / 2 { // these have rows
					enter(i)
				}
				wstest.Pass(5 * time.Second)
				for i := range users {
					e.breakTable(roomOf(i), true)
				}
				e.breakTable("blue", true)
				for i := users / 2; i < users; i++ {
					enter(i)
				}
				wstest.Pass(time.Second)
				for i := range users {
					exit(i)
				}
				wstest.Pass(5 * time.Minute)
				most := 10
				if name == "many rooms" {
					most += users // a name of each
				}
				if kept := n.Kept(); kept > most {
					t.Errorf("%d things are kept of %d users who have left, want at most %d", kept, users, most)
				}
				e.heal()
				wstest.Pass(10 * time.Minute)
				for i := range users {
					if rows := e.rows(roomOf(i)); len(rows) > 0 {
						t.Fatalf("%d rows are left in %s", len(rows), roomOf(i))
					}
				}
				if kept := n.Kept(); kept > 10 {
					t.Errorf("%d things are kept afterwards", kept)
				}
				n.Close(t.Context())
				n.stop()
				synctest.Wait()
			})
		})
	}
}
