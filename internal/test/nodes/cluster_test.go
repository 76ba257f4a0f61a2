package nodes_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// nodeData is what a connection of nodeGateway has: its user.
type nodeData struct{ name string }

func (d *nodeData) UserID() string { return d.name }

type nodeConn = wsgate.Conn[nodeData]

const (
	enter  wsgate.Event[string] = "enter"  // a room
	exit   wsgate.Event[string] = "exit"   // a room
	shout  wsgate.Event[speech] = "shout"  // to a room, but not to oneself
	gossip wsgate.Event[speech] = "gossip" // to everybody on the route
	heard  wsgate.Event[string] = "heard"
)

type speech struct {
	Room string `json:"room"`
	Text string `json:"text"`
}

// nodeGateway does what its clients say.
type nodeGateway struct{ closing chan struct{} } // OnClose waits until closing is closed, unless it is nil

func (*nodeGateway) OnUpgrade(r *http.Request) (nodeData, error) {
	return nodeData{r.FormValue("name")}, nil
}

func (*nodeGateway) Events() wsgate.Events[nodeData] {
	return wsgate.Events[nodeData]{
		wsgate.On(enter, func(_ context.Context, c *nodeConn, room string) error { return c.Join(room) }),
		wsgate.On(exit, func(_ context.Context, c *nodeConn, room string) error { c.Leave(room); return nil }),
		wsgate.On(shout, func(_ context.Context, c *nodeConn, l speech) error {
			return heard.Emit(c.Room(l.Room).Except(c), l.Text)
		}),
		wsgate.On(gossip, func(_ context.Context, c *nodeConn, l speech) error { return heard.Emit(c.All(), l.Text) }),
	}
}

func (g *nodeGateway) OnClose(context.Context, *nodeConn, error) {
	if g.closing != nil {
		<-g.closing
	}
}

func moduleOf(g *nodeGateway) *wsgate.Module {
	return &wsgate.Module{Gateways: []wsgate.Route{kit.RouteTo("/ws", g), kit.RouteTo("/other", g)}}
}

// startNodes starts Apps on one broker, and waits until all know each other.
func startNodes(t *testing.T, broker wsgate.Broker, n int, options ...func(*wsgate.Options)) []*wstest.App {
	t.Helper()
	apps := make([]*wstest.App, n)
	for i := range apps {
		o := &wsgate.Options{Broker: broker}
		for _, option := range options {
			option(o)
		}
		apps[i] = wstest.New(t, moduleOf(&nodeGateway{}), wstest.With(o))
	}
	return apps
}

func names(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("user%d", i))
	}
	return names
}

// seat joins one client on each node to a room.
func seat(apps []*wstest.App, room string) (clients []*wstest.Client) {
	for i, app := range apps {
		c := app.Dial("/ws?name=" + names(len(apps))[i])
		wstest.Do(c, enter, room)
		clients = append(clients, c)
	}
	return clients
}

func TestRoomsAcrossNodes(t *testing.T) {
	apps := startNodes(t, new(wstest.Broker), 3)
	clients := seat(apps, "lobby")
	elsewhere := apps[1].Dial("/ws?name=x")
	wstest.Do(elsewhere, enter, "other")
	samename := apps[1].Dial("/other?name=y")
	wstest.Do(samename, enter, "lobby")

	wstest.Do(clients[0], shout, speech{"lobby", "hello"}) // except the one who shouts
	for _, c := range clients[1:] {
		if got := wstest.Next(c, heard); got != "hello" {
			t.Errorf("got %q, want hello", got)
		}
	}
	for _, c := range []*wstest.Client{clients[0], elsewhere, samename} {
		wstest.Quiet(c)
	}

	// Exceptions hold on other nodes as well.
	var second wsgate.AnyConn
	for c := range apps[1].Hub().At("/ws").Room("lobby").Conns() {
		second = c
	}
	if err := heard.Emit(apps[0].Hub().At("/ws").Room("lobby").Except(second), "but one"); err != nil {
		t.Error(err)
	}
	for _, c := range []*wstest.Client{clients[0], clients[2]} {
		if got := wstest.Next(c, heard); got != "but one" {
			t.Errorf("got %q, want but one", got)
		}
	}
	wstest.Quiet(clients[1])

	// The route and the hub.
	wstest.Do(clients[2], gossip, speech{Text: "all"})
	for _, c := range append(slices.Clone(clients), elsewhere) {
		if got := wstest.Next(c, heard); got != "all" {
			t.Errorf("got %q, want all", got)
		}
	}
	wstest.Quiet(samename)
	if err := heard.Emit(apps[2].Hub(), "everywhere"); err != nil {
		t.Error(err)
	}
	for _, c := range append(slices.Clone(clients), elsewhere, samename) {
		if got := wstest.Next(c, heard); got != "everywhere" {
			t.Errorf("got %q, want everywhere", got)
		}
		wstest.Quiet(c)
	}

	wstest.Do(clients[1], exit, "lobby")
	wstest.Do(clients[0], shout, speech{"lobby", "bye"})
	wstest.Next(clients[2], heard)
	wstest.Quiet(clients[1])
	for i, app := range apps {
		if n := kit.Ignored(app); n != 0 {
			t.Errorf("node %d ignored %d messages, want none", i, n)
		}
	}
}

func TestUsersAcrossNodes(t *testing.T) {
	apps := startNodes(t, new(wstest.Broker), 2)
	ann := []*wstest.Client{apps[0].Dial("/ws?name=ann"), apps[1].Dial("/ws?name=ann"), apps[1].Dial("/other?name=ann")}
	bob := apps[1].Dial("/ws?name=bob")
	nobody := apps[0].Dial("/ws")

	if err := heard.Emit(apps[0].Hub().User("ann"), "psst"); err != nil {
		t.Error(err)
	}
	for _, c := range ann {
		if got := wstest.Next(c, heard); got != "psst" {
			t.Errorf("got %q, want psst", got)
		}
		wstest.Quiet(c)
	}
	if err := heard.Emit(apps[0].Hub().User("ann").At("/other"), "there"); err != nil {
		t.Error(err)
	}
	wstest.Next(ann[2], heard)
	for _, id := range []string{"", "nobody", "ANN", "*", ">"} {
		if err := heard.Emit(apps[0].Hub().User(id), "?"); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, c := range append(slices.Clone(ann), bob, nobody) {
		wstest.Quiet(c)
	}
	if got := apps[1].Hub().User("ann").Len(); got != 2 {
		t.Errorf("got %d connections of ann on the second node, want 2", got)
	}

	if err := apps[0].Hub().User("ann").Disconnect(t.Context(), 4000, "enough"); err != nil {
		t.Error(err)
	}
	for _, c := range ann {
		wstest.ExpectClose(c, 4000)
	}
	wstest.Quiet(bob)
	if err := apps[0].Hub().Disconnect(t.Context(), 4001, "all"); err != nil {
		t.Error(err)
	}
	wstest.ExpectClose(bob, 4001)
	wstest.ExpectClose(nobody, 4001)
}

func TestUserWithoutUsers(t *testing.T) {
	app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{}))
	if err := heard.Emit(app.Hub().User("x"), ""); err == nil || !strings.Contains(err.Error(), "UserID() string") {
		t.Errorf("got %v, want what is missing", err)
	}
}

func TestUserConnections(t *testing.T) {
	t.Run("refuse", func(t *testing.T) {
		app := startNodes(t, nil, 1, func(o *wsgate.Options) { o.Limits.UserConnections = 2 })[0]
		first := app.Dial("/ws?name=ann")
		app.Dial("/other?name=ann")
		app.Dial("/ws?name=bob")
		app.Dial("/ws")
		app.Dial("/ws")
		app.Dial("/ws") // nobody has no limit
		app.ExpectRefused(http.StatusTooManyRequests, "/ws?name=ann")
		wstest.Quiet(first)
		first.Close(1000, "")
		wstest.ExpectClose(first, 1000)
	})
	t.Run("close the oldest", func(t *testing.T) {
		app := startNodes(t, nil, 1, func(o *wsgate.Options) { o.Limits.UserConnections, o.CloseOldest = 2, true })[0]
		first, second := app.Dial("/ws?name=ann"), app.Dial("/other?name=ann")
		third := app.Dial("/ws?name=ann")
		wstest.ExpectClose(first, wsgate.StatusReplaced)
		fourth := app.Dial("/ws?name=ann")
		wstest.ExpectClose(second, wsgate.StatusReplaced)
		wstest.Quiet(third)
		wstest.Quiet(fourth)
	})
}

var errAway = errors.New("gone fishing")

func TestBrokerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := new(wstest.Broker)
		states := make(chan error, 10)
		apps := startNodes(t, broker, 2, func(o *wsgate.Options) {
			if o.OnBroker == nil {
				o.OnBroker = func(_ *wsgate.Hub, err error) { states <- err }
			}
		})
		for range apps {
			if err := <-states; err != nil {
				t.Errorf("got %v, want nil", err)
			}
		}
		clients := seat(apps, "lobby")
		neighbor := apps[0].Dial("/ws?name=n")
		wstest.Do(neighbor, enter, "lobby")

		broker.SetAway(errAway)
		for range apps {
			if err := <-states; !errors.Is(err, errAway) {
				t.Errorf("got %v, want %v", err, errAway)
			}
		}
		if err := apps[0].Ready(); !errors.Is(err, wsgate.ErrBroker) || !errors.Is(err, errAway) {
			t.Errorf("got %v, want ErrBroker", err)
		}
		if err := heard.Emit(apps[0].Hub().At("/ws").Room("lobby"), "here"); !errors.Is(err, wsgate.ErrBroker) {
			t.Errorf("got %v, want ErrBroker", err)
		}
		wstest.Next(clients[0], heard)
		wstest.Next(neighbor, heard)
		wstest.Quiet(clients[1])
		late := apps[1].Dial("/ws?name=late")
		wstest.Do(late, enter, "lobby") // also while the engine is away
		wstest.TryDo(clients[0], shout, speech{"lobby", "half"})
		wstest.Next(neighbor, heard)

		broker.SetAway(nil)
		for range apps {
			if err := <-states; err != nil {
				t.Errorf("got %v, want nil", err)
			}
		}
		if err := apps[0].Ready(); err != nil {
			t.Error(err)
		}
		wstest.Do(clients[0], shout, speech{"lobby", "again"})
		for _, c := range []*wstest.Client{clients[1], neighbor, late} {
			if got := wstest.Next(c, heard); got != "again" {
				t.Errorf("got %q, want again", got)
			}
		}
	})
}

// OnBroker can send to the connections of all nodes from the first call on, which comes while the App starts.
func TestOnBrokerSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := new(wstest.Broker)
		first := make(chan error, 2)
		apps := startNodes(t, broker, 2, func(o *wsgate.Options) {
			if o.OnBroker != nil {
				return
			}
			o.OnBroker = func(hub *wsgate.Hub, err error) {
				if sent := heard.Emit(hub.At("/ws"), fmt.Sprint("broker: ", err)); err == nil {
					first <- sent
				}
			}
		})
		for range apps {
			if err := <-first; err != nil {
				t.Errorf("the first call cannot send: %v", err)
			}
		}
		a, b := apps[0].Dial("/ws?name=a"), apps[1].Dial("/ws?name=b")
		broker.SetAway(errAway)
		for _, c := range []*wstest.Client{a, b} {
			if got := wstest.Next(c, heard); got != "broker: gone fishing" {
				t.Errorf("got %q, want that the broker is away, from this node", got)
			}
			wstest.Quiet(c)
		}
		broker.SetAway(nil)
		for _, c := range []*wstest.Client{a, b} {
			for range apps {
				if got := wstest.Next(c, heard); got != "broker: <nil>" {
					t.Errorf("got %q, want that the broker is back, from each node", got)
				}
			}
			wstest.Quiet(c)
		}
	})
}

func TestStartWithoutBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := new(wstest.Broker)
		broker.SetAway(errAway)
		app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/ws", New: func() *nodeGateway { return &nodeGateway{} }}}}, &wsgate.Options{Broker: broker})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := app.Start(t.Context()); !errors.Is(err, wsgate.ErrBroker) || !errors.Is(err, errAway) || !strings.Contains(err.Error(), "StartWithoutBroker") {
			t.Errorf("got %v, want ErrBroker and what to do", err)
		}
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("Start took %v, want 10s", took)
		}
		apps := startNodes(t, broker, 2, func(o *wsgate.Options) { o.StartWithoutBroker = true })
		clients := seat(apps, "lobby")
		wstest.TryDo(clients[0], shout, speech{"lobby", "nobody"})
		wstest.Quiet(clients[1])
		broker.SetAway(nil)
		wstest.Do(clients[0], shout, speech{"lobby", "hello"})
		if got := wstest.Next(clients[1], heard); got != "hello" {
			t.Errorf("got %q, want hello", got)
		}
	})
}

// A link that swallows everything: the broker says that the engine is there.
func TestBrokerDeliversNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := kit.NewBroker(t, new(local.Broker))
		states := make(chan error, 10)
		app := startNodes(t, broker, 1, func(o *wsgate.Options) { o.OnBroker = func(_ *wsgate.Hub, err error) { states <- err } })[0]
		wstest.Pass(time.Minute)
		if err := <-states; err != nil || len(states) > 0 {
			t.Errorf("got %v and %d more, want nil", err, len(states))
		}
		room := app.Hub().At("/ws").Room("lobby")
		cut(broker)
		begin := time.Now()
		if err := <-states; !errors.Is(app.Ready(), wsgate.ErrBroker) || err == nil {
			t.Errorf("got %v, and Ready returns %v", err, app.Ready())
		}
		if took := time.Since(begin); took > 14*time.Second {
			t.Errorf("noticed after %v, want 14s at most", took)
		}
		if err := heard.Emit(room, "lost"); !errors.Is(err, wsgate.ErrBroker) {
			t.Errorf("got %v, want ErrBroker", err)
		}
		mend(broker)
		if err := <-states; err != nil || app.Ready() != nil {
			t.Errorf("got %v, and Ready returns %v", err, app.Ready())
		}
		if err := heard.Emit(room, "arrives"); err != nil {
			t.Error(err)
		}
	})
}
