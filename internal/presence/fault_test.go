package presence_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate/wstest"
)

// A delta that was lost is made up for when the next one comes, not only when the tables are read again.
func TestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(0)
		here, there := e.start("here"), e.start("there")
		members := 0
		enter := func(n *node, user string) {
			members++
			n.Enter("red", members, user, []byte(`{}`))
			n.crowd.add(members, "red", user)
			wstest.Pass(2 * time.Second)
		}
		enter(here, "ann")
		enter(there, "bob")
		here.setLink(true, nil)
		enter(there, "cleo")
		here.setLink(false, nil)
		knows := func(want map[string]string) {
			t.Helper()
			for _, wrong := range append(here.crowd.unlike("red", want), here.crowd.wrong...) {
				t.Error(wrong)
			}
			if got := here.present(t); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %v, want %v", got, want)
			}
		}
		knows(map[string]string{"ann": `{}`, "bob": `{}`}) // the loss was one
		enter(there, "dora")
		knows(map[string]string{"ann": `{}`, "bob": `{}`, "cleo": `{}`, "dora": `{}`})
		for _, n := range []*node{here, there} {
			n.Close(t.Context())
			n.stop()
		}
	})
}

// A node that was taken for dead by mistake keeps its rows, if that comes out before they are swept.
func TestNotSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(0)
		here, there := e.start("here"), e.start("there")
		here.Enter("red", 1, "ann", []byte(`{}`))
		there.Enter("red", 2, "bob", []byte(`{}`))
		wstest.Pass(2 * time.Second)
		here.setLink(true, errAway)
		here.setDead("there", true)
		here.Dead("there")
		wstest.Pass(time.Second)
		here.setDead("there", false)
		here.setLink(false, nil)
		wstest.Pass(5 * time.Second)
		if rows := e.rows("red"); rows["there.bob"] == nil {
			t.Errorf("the rows are %q, want one of there.bob", rows)
		}
		for _, n := range []*node{here, there} {
			n.Close(t.Context())
			n.stop()
		}
	})
}

// What a node had said before it died, and what arrives after that, is believed for some seconds and not for a minute.
func TestLateNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(0)
		here, there := e.start("here"), e.start("there")
		here.Enter("red", 1, "ann", []byte(`{}`))
		there.Enter("red", 2, "bob", []byte(`{}`))
		wstest.Pass(2 * time.Second)
		there.Enter("red", 3, "cleo", []byte(`{}`))
		for e.rows("red")["there.cleo"] == nil {
			wstest.Pass(time.Millisecond)
		}
		here.setDead("there", true) // while the news of cleo is on its way
		here.Dead("there")
		there.setLink(true, nil)
		wstest.Pass(8 * time.Second)
		if got, want := fmt.Sprint(here.present(t)), "map[ann:{}]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		for _, n := range []*node{here, there} {
			n.Close(t.Context())
			n.stop()
		}
	})
}

// A row that could not be written is written as soon as the store works again.
func TestRowIsWrittenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(0)
		n := e.start("here")
		n.Enter("red", 1, "ann", []byte(`{}`))
		wstest.Pass(2 * time.Second) // the table was read, which makes up for much
		e.breakTable("red", true)
		n.Enter("red", 2, "bob", []byte(`{}`))
		wstest.Pass(5 * time.Second)
		e.heal()
		wstest.Pass(5 * time.Second)
		if rows := e.rows("red"); rows["here.ann"] == nil || rows["here.bob"] == nil {
			t.Errorf("the rows are %q, want those of here.ann and here.bob", rows)
		}
		n.Close(t.Context())
		n.stop()
	})
}
