package wsgate_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

const (
	joined wsgate.Event[string] = "joined"
	typing wsgate.Event[string] = "typing"
)

// sending returns a route that sends these events and takes the events of the table.
func sending(path string, sends []wsgate.Outgoing, bound ...wsgate.Binding[kit.Data]) wsgate.Route {
	r := kit.RouteTo(path, &kit.EventGateway{Table: bound})
	r.Sends = sends
	return r
}

// What is in the list is sent, in each envelope, and nothing else, by whatever target.
func TestSends(t *testing.T) {
	for _, envelope := range []wsgate.Envelope{{}, {Type: "event", Data: "data"}} {
		r := sending("/", []wsgate.Outgoing{said, joined})
		r.Envelope = envelope
		opened := make(chan *kit.Conn, 1)
		hooks := &kit.EventGateway{Hooks: kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error { opened <- c; return c.Join("room") }}}
		r.New = func() *kit.EventGateway { return hooks }
		app := kit.NewApp(t, nil, r)
		client := kit.Dialed(t, app, "/")
		c := <-opened
		for _, to := range []wsgate.Target{c, c.Paced(t.Context()), c.All(), c.Room("room"), app.Hub(), app.Hub().At("/"), app.Hub().At("/").Room("room").Except()} {
			unlisted := typing.Emit(to, "ada") // not in the list
			kit.CheckText(t, kit.WellFormed(t, unlisted), `event "typing" is not in the Sends of route "/"`, kit.At("not in the list"), "have joined, said", "fix:")
			kit.CheckText(t, kit.WellFormed(t, wsgate.Event[int]("joined").Emit(to, 1)),
				`event "joined" is in the Sends of route "/" with another payload`, "sends_test.go:", "have wsgate.Event[int]", "want wsgate.Event[string]", "fix:")
			kit.CheckText(t, kit.WellFormed(t, wsgate.Event[int]("$x").Emit(to, 1)), `"$x"`, "reserved")
			if err := errors.Join(joined.Emit(to, "ada"), said.Emit(to, line{"ada", "hi"})); err != nil {
				t.Error(err)
			}
			if envelope.Data != "" {
				client.Hears(`{"event":"joined","data":"ada"}`, `{"event":"said","data":{"from":"ada","text":"hi"}}`)
			} else {
				client.Hears(`{"type":"joined","data":"ada"}`, `{"type":"said","from":"ada","text":"hi"}`)
			}
		}
		if lines := app.Log.With("an event that its route does not send"); len(lines) != 2 { // from two lines, whatever the target
			t.Errorf("got %d lines in the log, want 2: %q", len(lines), lines)
		}
		if err := c.Send(wsgate.Text("anything")); err != nil {
			t.Error(err)
		}
		client.Hears("anything")
	}
}

// Nil is any event, an empty list is none.
func TestSendsNilAndEmpty(t *testing.T) {
	app := kit.NewApp(t, nil, sending("/any", nil), sending("/none", []wsgate.Outgoing{}))
	if err := joined.Emit(app.Hub().At("/any"), ""); err != nil {
		t.Error(err)
	}
	kit.CheckText(t, kit.WellFormed(t, joined.Emit(app.Hub().At("/none"), "")), `"/none"`, "have an empty list")
}

// A hub sends an event to all of its routes, or to none.
func TestSendsOfAHub(t *testing.T) {
	app := kit.NewApp(t, nil, sending("/any", nil), sending("/both", []wsgate.Outgoing{joined, said}), sending("/said", []wsgate.Outgoing{said}))
	var clients []*kit.Client
	for _, path := range []string{"/any", "/both", "/said"} {
		clients = append(clients, kit.Dialed(t, app, path))
	}
	text := kit.WellFormed(t, joined.Emit(app.Hub(), "ada"))
	kit.CheckText(t, text, `event "joined" is not in the Sends of route "/said"`, "Hub.At")
	if strings.Contains(text, `"/both"`) {
		t.Errorf("a route that lists the event is nick in\n%s", text)
	}
	if err := said.Emit(app.Hub(), line{"ada", "hi"}); err != nil {
		t.Error(err)
	}
	for _, c := range clients {
		c.Hears(`{"type":"said","from":"ada","text":"hi"}`) // and no "joined" before it
	}
	if err := errors.Join(joined.Emit(app.Hub().At("/both"), "ada"), joined.Emit(app.Hub().At("/any"), "ada")); err != nil { // as the error advises
		t.Error(err)
	}
	clients[0].Hears(`{"type":"joined","data":"ada"}`)
	clients[1].Hears(`{"type":"joined","data":"ada"}`)
}

// The routes of a user count as those of a hub, without the routes that have no users.
func TestSendsOfAUser(t *testing.T) {
	to := func(path string, sends ...wsgate.Outgoing) wsgate.Route {
		return wsgate.Route{Path: path, New: func() *present { return &present{} }, Sends: sends}
	}
	app := kit.NewApp(t, nil, to("/a", joined), to("/b", joined, said), sending("/anonymous", []wsgate.Outgoing{}))
	if err := joined.Emit(app.Hub().User("ada"), ""); err != nil {
		t.Error(err)
	}
	kit.CheckText(t, kit.WellFormed(t, said.Emit(app.Hub().User("ada"), line{})), `Sends of route "/a"`)
}

// The client of a handler that emits what is not in the list sees nothing of that, and answers need not be listed.
func TestSendsOfHandlers(t *testing.T) {
	push := wsgate.On("push", func(_ context.Context, c *kit.Conn, _ struct{}) error { return joined.Emit(c, "ada") })
	c := kit.SpeakTo(t, kit.NewApp(t, nil, sending("/", []wsgate.Outgoing{said}, kit.Echo[string]("echo"), push)))
	c.Asks(`{"type":"echo","id":1,"data":"x"}`, `{"type":"echo","id":1,"data":"x"}`)
	c.Asks(`{"type":"push","id":2}`, `{"type":"error","id":2,"code":"internal","message":"internal error"}`)
	c.Logged(1, "handler", "is not in the Sends of route")
}

// present is a gateway whose connections have users, and which tracks them.
type present struct{ bound []wsgate.Binding[nick] }

type nick string

func (n nick) UserID() string { return string(n) }

func (*present) OnOpen(_ context.Context, c *wsgate.Conn[nick]) error { return c.Join("room") }

func (g *present) Events() wsgate.Events[nick] { return g.bound }

// sendingPresence returns a route that tracks users in the event "people".
func sendingPresence(sends ...wsgate.Outgoing) wsgate.Route {
	track := wsgate.Track(people, func(*wsgate.Conn[nick], string) (int, bool) { return 1, true }) // tracked here
	return wsgate.Route{Path: "/", Sends: sends, New: func() *presentUsers { return &presentUsers{present{[]wsgate.Binding[nick]{track}}} }}
}

// presentUsers are all called Ada.
type presentUsers struct{ present }

func (*presentUsers) OnUpgrade(*http.Request) (nick, error) { return "ada", nil }

const people wsgate.Event[wsgate.Presence[int]] = "people"

// The event of presence is sent without being listed, and may be.
func TestSendsAndPresence(t *testing.T) {
	for _, sends := range [][]wsgate.Outgoing{{}, {people}} {
		synctest.Test(t, func(t *testing.T) {
			app := kit.NewApp(t, nil, sendingPresence(sends...))
			kit.Dial(t, app, "/").Hears(`{"type":"people","room":"room","all":true,"here":{"ada":1},"count":1}`)
		})
	}
	r := sendingPresence(said, wsgate.Event[int]("people"))
	text := kit.Refused(t, &wsgate.Module{Gateways: []wsgate.Route{r}}, nil)
	kit.CheckText(t, text, `event "people" is in the route's Sends with another payload`, kit.At("tracked here"),
		"have wsgate.Event[int]", "want wsgate.Event[wsgate.Presence[int]]", "fix:")
}

func TestSendsThatCannotBe(t *testing.T) {
	var nothing *wsgate.Event[string]
	for _, test := range []struct {
		name  string
		sends []wsgate.Outgoing
		want  []string
	}{
		{"nil", []wsgate.Outgoing{said, nil}, []string{"Sends[1] is nil", "fix:"}},
		{"nil pointer", []wsgate.Outgoing{nothing}, []string{"Sends[0] is nil"}},
		{"embedded nil", []wsgate.Outgoing{struct{ wsgate.Outgoing }{}}, []string{"Sends[0] is nil"}},
		{"no name", []wsgate.Outgoing{wsgate.Event[int]("")}, []string{`event ""`, "empty", "want"}},
		{"reserved name", []wsgate.Outgoing{wsgate.Event[int]("error")}, []string{`event "error"`, "name of errors", "want"}},
		{"twice", []wsgate.Outgoing{said, joined, said}, []string{`event "said" is listed twice`, "fix:"}},
		{"two payloads", []wsgate.Outgoing{joined, wsgate.Event[int]("joined")}, []string{`event "joined" is listed twice`, "have wsgate.Event[string] and wsgate.Event[int]"}},
		{"no JSON", []wsgate.Outgoing{wsgate.Event[unsendable]("bad")}, []string{`event "bad": the JSON of payload wsgate_test.unsendable cannot be made`, "chan int"}},
		{"JSON of one release of Go", []wsgate.Outgoing{wsgate.Event[priced]("bad")}, []string{`event "bad"`, "depends on the release of Go"}},
		{"several", []wsgate.Outgoing{nil, wsgate.Event[unsendable]("$")}, []string{"Sends[0]", `"$"`, "chan int"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &wsgate.Module{Name: "chat", Gateways: []wsgate.Route{{Path: "/ws", New: newFine, Sends: test.sends}}}
			kit.CheckText(t, kit.Refused(t, m, nil), append(test.want, "startup_helper_test.go:", "module chat")...)
		})
	}
}

// Pointers and structs that embed an event are the event.
func TestSendsByOtherNames(t *testing.T) {
	said := said
	app := kit.NewApp(t, nil, sending("/", []wsgate.Outgoing{&said, struct{ wsgate.Event[string] }{joined}}))
	hub := app.Hub()
	if err := errors.Join(said.Emit(hub, line{}), joined.Emit(hub, "")); err != nil {
		t.Error(err)
	}
}

func TestRoutesHaveSends(t *testing.T) {
	sends := []wsgate.Outgoing{said, joined}
	app := kit.NewApp(t, nil, sending("/any", nil), sending("/none", []wsgate.Outgoing{}), sending("/some", sends))
	sends[0] = typing // comes too late
	routes := app.Routes()
	if routes[0].Sends != nil || routes[1].Sends == nil || len(routes[1].Sends) != 0 || len(routes[2].Sends) != 2 {
		t.Fatalf("got %v, %v and %v", routes[0].Sends, routes[1].Sends, routes[2].Sends)
	}
	first, second := routes[2].Sends[0], routes[2].Sends[1]
	if first.Name != "joined" || first.Payload != reflect.TypeFor[string]() || second.Name != "said" || second.Payload != reflect.TypeFor[line]() {
		t.Errorf("got %v", routes[2].Sends)
	}
	var out strings.Builder
	if err := app.Explain(&out); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for l := range strings.Lines(out.String()) {
		if strings.HasPrefix(l, "    sends") {
			lines = append(lines, l)
		}
	}
	if want := []string{"    sends  nothing\n", "    sends  joined  string\n", "    sends  said    wsgate_test.line\n"}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
}
