package nodes_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// person is the metadata of a user.
type person struct {
	Name string `json:"name"`
}

// visitor is a connection of a gateway with presence.
type visitor struct{ ID, Name string }

func (g visitor) UserID() string { return g.ID }

type visitorConn = wsgate.Conn[visitor]

const (
	people wsgate.Event[wsgate.Presence[person]] = "people"
	rename wsgate.Event[string]                  = "rename"
)

type visitorGateway struct{}

func (visitorGateway) OnUpgrade(r *http.Request) (visitor, error) {
	return visitor{r.FormValue("id"), r.FormValue("name")}, nil
}

func (visitorGateway) Events() wsgate.Events[visitor] {
	return wsgate.Events[visitor]{
		wsgate.Track(people, func(c *visitorConn, room string) (person, bool) {
			return person{c.Data.Name}, !strings.HasPrefix(room, "secret/")
		}),
		wsgate.On(enter, func(_ context.Context, c *visitorConn, room string) error { return c.Join(room) }),
		wsgate.On(exit, func(_ context.Context, c *visitorConn, room string) error { c.Leave(room); return nil }),
		wsgate.On(rename, func(_ context.Context, c *visitorConn, name string) error {
			c.Data.Name = name
			return c.Join(c.Rooms()...)
		}),
	}
}

func startVisitors(t *testing.T, broker wsgate.Broker, n int, options ...func(*wsgate.Options)) (apps []*wstest.App) {
	t.Helper()
	for range n {
		o := &wsgate.Options{Broker: broker}
		for _, option := range options {
			option(o)
		}
		apps = append(apps, wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{
			{Path: "/ws", New: func() *visitorGateway { return &visitorGateway{} }},
		}}, wstest.With(o)))
	}
	return apps
}

// arrive connects a user and joins a room.
func arrive(app *wstest.App, id, room string) *wstest.Client {
	c := app.Dial("/ws?id=" + id + "&name=" + strings.ToUpper(id))
	wstest.Do(c, enter, room)
	return c
}

// news returns the next presence event in short form: "all +ann -bob =2".
func news(c *wstest.Client) string {
	p := wstest.Next(c, people)
	var words []string
	if p.All {
		words = append(words, "all")
	}
	for _, id := range slices.Sorted(maps.Keys(p.Here)) {
		words = append(words, "+"+id+":"+p.Here[id].Name)
	}
	for _, id := range p.Gone {
		words = append(words, "-"+id)
	}
	return strings.Join(append(words, fmt.Sprintf("=%d", p.Count)), " ")
}

func wantNews(t *testing.T, c *wstest.Client, want string) {
	t.Helper()
	if got := news(c); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// members returns a room's in short form.
func members(t *testing.T, app *wstest.App, room string) string {
	t.Helper()
	r := app.Hub().At("/ws").Room(room)
	all, err := wsgate.Members[person](t.Context(), r)
	if err != nil {
		t.Error(err)
	}
	if n, err := wsgate.Count(t.Context(), r); n != len(all) || err != nil {
		t.Errorf("Count is %d, %v, and there are %d members", n, err, len(all))
	}
	return strings.Join(slices.Sorted(maps.Keys(all)), " ")
}

func TestPresenceOnOneNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := startVisitors(t, nil, 1)[0]
		ann := arrive(app, "ann", "lobby")
		wantNews(t, ann, "all +ann:ANN =1")
		bob := arrive(app, "bob", "lobby")
		cleo := arrive(app, "cleo", "lobby")
		nobody := app.Dial("/ws")
		wstest.Do(nobody, enter, "lobby") // is not tracked, and hears the changes
		wantNews(t, ann, "+bob:BOB +cleo:CLEO =3")
		wantNews(t, nobody, "+bob:BOB +cleo:CLEO =3")
		wantNews(t, bob, "all +ann:ANN +bob:BOB +cleo:CLEO =3")
		wantNews(t, cleo, "all +ann:ANN +bob:BOB +cleo:CLEO =3")
		if got := members(t, app, "lobby"); got != "ann bob cleo" {
			t.Errorf("got %q", got)
		}

		wstest.Do(bob, rename, "Robert")
		wantNews(t, ann, "+bob:Robert =3")
		wantNews(t, bob, "+bob:Robert =3")
		wstest.Drain(cleo, nobody)

		second := arrive(app, "ann", "lobby") // another tab
		wantNews(t, second, "all +ann:ANN +bob:Robert +cleo:CLEO =3")
		ann.Close(1000, "")
		wstest.Pass(10 * time.Second)
		wstest.Quiet(bob, cleo, second)

		begin := time.Now()
		wstest.Do(cleo, exit, "lobby")
		wantNews(t, bob, "-cleo =2")
		if took := time.Since(begin); took < 5*time.Second || took > 5500*time.Millisecond {
			t.Errorf("leaving took %v, want the grace of 5s", took)
		}
		wantNews(t, second, "-cleo =2")

		second.Close(1000, "")
		wstest.Pass(4 * time.Second)
		again := arrive(app, "ann", "lobby") // reloaded the page
		wantNews(t, again, "all +ann:ANN +bob:Robert =2")
		wstest.Pass(10 * time.Second)
		wstest.Quiet(bob)
		if got := members(t, app, "nowhere"); got != "" {
			t.Errorf("got %q, want nobody", got)
		}
	})
}

func TestPresenceAcrossNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := new(wstest.Broker)
		apps := startVisitors(t, broker, 3)
		ann := arrive(apps[0], "ann", "lobby")
		wantNews(t, ann, "all +ann:ANN =1")
		bob := arrive(apps[1], "bob", "lobby")
		wantNews(t, bob, "all +ann:ANN +bob:BOB =2")
		wantNews(t, ann, "+bob:BOB =2")
		tab := arrive(apps[1], "ann", "lobby")
		wantNews(t, tab, "all +ann:ANN +bob:BOB =2")
		for _, app := range apps { // the third has no members
			if got := members(t, app, "lobby"); got != "ann bob" {
				t.Errorf("got %q, want ann and bob", got)
			}
		}
		ann.Close(1000, "")
		wstest.Pass(10 * time.Second)
		wstest.Quiet(bob) // ann is there still
		tab.Close(1000, "")
		wantNews(t, bob, "-ann =1")
		bob.Close(1000, "")
		wstest.Pass(10 * time.Second)
		if rows, err := broker.Rows(t.Context(), "presence.=2Fws.lobby"); err != nil || len(rows) != 0 {
			t.Errorf("got rows %q, %v, want none", rows, err)
		}
	})
}

func TestPresenceOfDeadNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := new(wstest.Broker)
		apps := startVisitors(t, broker, 1)
		unsteady := kit.NewBroker(t, &broker.Broker)
		apps = append(apps, startVisitors(t, unsteady, 1)...)
		ann := arrive(apps[0], "ann", "lobby")
		wantNews(t, ann, "all +ann:ANN =1")
		bob := arrive(apps[1], "bob", "lobby")
		wantNews(t, ann, "+bob:BOB =2")
		wstest.Drain(bob)
		wstest.Pass(5 * time.Second)

		cut(unsteady) // stopped, or without network
		begin := time.Now()
		wstest.Pass(6 * time.Second)
		all, err := wsgate.Members[person](t.Context(), apps[0].Hub().At("/ws").Room("lobby"))
		if len(all) != 2 || !errors.Is(err, wsgate.ErrNoResponse) {
			t.Errorf("got %v, %v, want both, and ErrNoResponse", all, err)
		}
		wantNews(t, ann, "-bob =1")
		if took := time.Since(begin); took > 12*time.Second {
			t.Errorf("a dead node was noticed after %v, want 12s at most", took)
		}
		wstest.Pass(time.Second)
		if got := members(t, apps[0], "lobby"); got != "ann" {
			t.Errorf("got %q, want ann", got)
		}

		mend(unsteady) // goes on: not dead after all
		wantNews(t, ann, "+bob:BOB =2")
		wstest.Pass(time.Minute)
		if got := members(t, apps[0], "lobby"); got != "ann bob" {
			t.Errorf("got %q, want both", got)
		}
		wstest.Drain(ann, bob)
	})
}

func TestPresenceWhileBrokerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := new(wstest.Broker)
		apps := startVisitors(t, broker, 2)
		ann, bob := arrive(apps[0], "ann", "lobby"), arrive(apps[1], "bob", "lobby")
		wstest.Pass(time.Second)
		wstest.Drain(ann, bob)

		broker.SetAway(errAway)
		cleo := arrive(apps[0], "cleo", "lobby")
		wantNews(t, cleo, "all +ann:ANN +bob:BOB +cleo:CLEO =3")
		wantNews(t, ann, "+cleo:CLEO =3")
		dan := arrive(apps[0], "dan", "new")
		wantNews(t, dan, "all +dan:DAN =1") // although nothing can be read
		wstest.Pass(time.Minute)            // nobody is dead because nobody can be heard
		wstest.Quiet(ann, bob)
		all, err := wsgate.Members[person](t.Context(), apps[0].Hub().At("/ws").Room("lobby"))
		if len(all) != 3 || !errors.Is(err, wsgate.ErrBroker) {
			t.Errorf("got %v, %v, want three, and ErrBroker", all, err)
		}

		broker.SetAway(nil)
		wantNews(t, bob, "+cleo:CLEO =3")
		wstest.Quiet(ann)
	})
}

func TestPresenceOfManyIsTheirNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := startVisitors(t, nil, 1, func(o *wsgate.Options) { o.Limits.Presence = 2 })[0]
		ann, bob := arrive(app, "ann", "lobby"), arrive(app, "bob", "lobby")
		wantNews(t, ann, "all +ann:ANN +bob:BOB =2")
		wstest.Drain(bob)
		cleo := arrive(app, "cleo", "lobby")
		wantNews(t, ann, "=3")
		wantNews(t, cleo, "all =3")
		if got := members(t, app, "lobby"); got != "ann bob cleo" {
			t.Errorf("got %q, want all three", got)
		}
		wstest.Drain(bob)
		cleo.Close(1000, "")
		wantNews(t, ann, "all +ann:ANN +bob:BOB =2")
		wstest.Drain(bob)
	})
}

// What Track tells has fields of its own.
func TestPresenceWithFieldsOfTheEnvelope(t *testing.T) {
	for typ, want := range map[string]string{
		"kind": `{"kind":"people","room":"r","all":true,"here":{"ann":{"name":"ANN"}},"count":1}`,
		"room": `{"room":"people","data":{"room":"r","all":true,"here":{"ann":{"name":"ANN"}},"count":1}}`,
	} {
		app := startVisitors(t, nil, 1, func(o *wsgate.Options) { o.Envelope.Type = typ })[0]
		if got := arrive(app, "ann", "r").NextText(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		wantNews(t, arrive(app, "bob", "r"), "all +ann:ANN +bob:BOB =2")
	}
}
