package nodes_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// raceMany is the Limits for tests in which more is sent than a client is expected to take.
var raceMany = wsgate.Limits{QueueMessages: 100_000, QueueBytes: 64 << 20}

// Everybody in a room hears every message once, and what one goroutine has sent in the order in which it did, on
// whatever node.
func TestRaceOrder(t *testing.T) {
	const nodes, publishers, each = 3, 4, 100
	synctest.Test(t, func(t *testing.T) {
		apps := startNodes(t, newSharedBroker(t), nodes, func(o *wsgate.Options) { o.Limits = raceMany })
		var clients []*wstest.Client
		for range 3 {
			clients = append(clients, seat(apps, "lobby")...)
		}
		var sending sync.WaitGroup
		for i := range nodes * publishers {
			sending.Go(func() {
				at := apps[i%nodes].Hub().At("/ws")
				for n := range each {
					to := wsgate.Target(at.Room("lobby"))
					switch n % 3 {
					case 0:
						to = at
					case 1:
						to = apps[i%nodes].Hub()
					}
					if err := heard.Emit(to, fmt.Sprintf("%d %d", i, n)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		sending.Wait()
		for i, c := range clients {
			next := map[[2]int]int{} // by publisher and what it sent to
			for range nodes * publishers * each {
				var from, n int
				if _, err := fmt.Sscanf(wstest.Next(c, heard), "%d %d", &from, &n); err != nil {
					t.Fatal(err)
				}
				to := [2]int{from, n % 3}
				if want := next[to]*3 + n%3; n != want {
					t.Fatalf("client %d: got message %d of goroutine %d, want %d", i, n, from, want)
				}
				next[to]++
			}
		}
		wstest.Quiet(clients...)
	})
}

// Exceptions hold on every node, however many there are.
func TestRaceExcept(t *testing.T) {
	const each = 150
	synctest.Test(t, func(t *testing.T) {
		apps := startNodes(t, newSharedBroker(t), 2)
		var hear, deaf []*wstest.Client
		var all, excepted []wsgate.AnyConn
		for i := range 2 * each {
			client, c := abuseDial(apps[i%2], "/ws")
			if err := c.Join("lobby"); err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
			if i%3 == 0 {
				hear = append(hear, client)
			} else {
				deaf, excepted = append(deaf, client), append(excepted, c)
			}
		}
		for i, app := range apps {
			if err := heard.Emit(app.Hub().At("/ws").Room("lobby").Except(excepted...).Except(excepted[:10]...), fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
			if err := heard.Emit(app.Hub().At("/ws").Except(all...), "nobody"); err != nil {
				t.Error(err)
			}
		}
		for _, c := range hear {
			for i := range apps {
				if got := wstest.Next(c, heard); got != fmt.Sprint(i) {
					t.Errorf("got %q, want %d", got, i)
				}
			}
		}
		wstest.Quiet(slices.Concat(hear, deaf)...)
	})
}

// Connections come to rooms, leave them and end at the same time, on two nodes with a slow engine. In the end everybody
// is where he should be, and exactly what is needed is subscribed to.
func TestRaceJoinAndLeave(t *testing.T) {
	const conns, ending, goroutines, rounds, rooms = 12, 4, 3, 30, 5
	for _, slow := range []time.Duration{0, 20 * time.Millisecond} {
		kit.Bubble(t, slow.String(), func(t *testing.T) {
			broker := newSharedBroker(t)
			broker.Before("Subscribe", func(context.Context, string) error {
				if slow > 0 {
					<-time.After(slow)
				}
				return nil
			})
			apps := startNodes(t, broker, 2)
			var clients []*wstest.Client
			var all []wsgate.AnyConn
			for i := range conns {
				client, c := abuseDial(apps[i%2], fmt.Sprint("/ws?name=user", i%3))
				clients, all = append(clients, client), append(all, c)
			}
			room := func() string { return fmt.Sprint("r", rand.IntN(rooms)) }
			var running sync.WaitGroup
			for i, c := range all {
				for range goroutines {
					running.Go(func() {
						for range rounds {
							if err := c.Join(room(), room(), room()); err != nil && !(i < ending && errors.Is(err, wsgate.ErrClosed)) {
								t.Error(err)
							}
							<-time.After(time.Duration(1+rand.IntN(40)) * 50 * time.Millisecond)
							c.Leave(room(), room())
							<-time.After(time.Duration(1+rand.IntN(120)) * 50 * time.Millisecond)
						}
					})
				}
				if i < ending {
					running.Go(func() {
						<-time.After(time.Duration(1+rand.IntN(30)) * time.Second)
						c.Close(4000, "")
					})
				}
			}
			running.Wait()
			wstest.Pass(time.Minute)
			needed := map[string]map[int]bool{} // the topics, and by which of the nodes
			for i, c := range all {
				topics := []string{"route.=2Fws", fmt.Sprint("user.=2Fws.user", i%3)}
				for _, room := range c.Rooms() {
					topics = append(topics, "room.=2Fws."+room)
				}
				if i < ending {
					if len(topics) > 2 {
						t.Errorf("a connection that has ended is in %q", c.Rooms())
					}
					continue
				}
				for _, topic := range topics {
					if needed[topic] == nil {
						needed[topic] = map[int]bool{}
					}
					needed[topic][i%2] = true
				}
			}
			if got, want := broker.SubscribedByApps(), slices.Sorted(maps.Keys(needed)); !slices.Equal(got, want) {
				t.Errorf("subscribed to %q, want %q", got, want)
			}
			for topic, nodes := range needed {
				if got := broker.Subscriptions(topic); got != len(nodes) {
					t.Errorf("%d subscriptions to %s, want %d", got, topic, len(nodes))
				}
			}
			for i := range rooms {
				if err := heard.Emit(apps[0].Hub().At("/ws").Room(fmt.Sprint("r", i)), fmt.Sprint("r", i)); err != nil {
					t.Error(err)
				}
			}
			for i := ending; i < conns; i++ {
				for _, room := range all[i].Rooms() { // which are sorted
					if got := wstest.Next(clients[i], heard); got != room {
						t.Errorf("got %q, want %q", got, room)
					}
				}
				wstest.Quiet(clients[i])
			}
		})
	}
}

// Join works in every hook and from everywhere, and what it promises holds when it returns.
func TestRaceJoinInHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := newSharedBroker(t)
		broker.Before("Subscribe", func(context.Context, string) error { <-time.After(100 * time.Millisecond); return nil })
		var apps []*kit.App
		for i := range 2 {
			app := kit.NewApp(t, &wsgate.Options{Broker: broker}, kit.RouteTo("/ws", &kit.MessageGateway{Hooks: kit.Hooks{
				Open: func(_ context.Context, c *kit.Conn) error {
					if err := c.Join("in OnOpen"); err != nil {
						t.Error(err)
					}
					go func() {
						if err := c.Join("in a goroutine"); err != nil {
							t.Error(err)
						}
						if err := apps[1-i].Hub().At("/ws").Room("in a goroutine").Send(wsgate.Text("to the goroutine's")); err != nil {
							t.Error(err)
						}
					}()
					return apps[1-i].Hub().At("/ws").Room("in OnOpen").Send(wsgate.Text("to OnOpen's"))
				},
				Close: func(_ context.Context, c *kit.Conn, _ error) {
					if err := c.Join("in OnClose"); err != nil {
						t.Error(err)
					}
					if got := c.Rooms(); !slices.Contains(got, "in OnClose") {
						t.Errorf("got the rooms %q in OnClose", got)
					}
				},
			}}))
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			apps = append(apps, app)
		}
		client := kit.Dial(t, apps[0], "/ws")
		client.Hears("to OnOpen's", "to the goroutine's")
		client.Close(1000, "")
		wstest.Pass(time.Minute)
		if got := broker.SubscribedByApps(); len(got) > 0 {
			t.Errorf("subscribed to %q, want nothing", got)
		}
	})
}

// raceUpgrades has a user come with many connections at once. It returns how many were accepted, and the clients.
func raceUpgrades(t *testing.T, app *wstest.App, count int) (clients []*kit.Client) {
	t.Helper()
	var mu sync.Mutex
	var coming sync.WaitGroup
	for range count {
		coming.Go(func() {
			c, resp, err := memory.Dial(app, "/ws?name=ann", nil)
			if err != nil {
				if resp == nil || resp.StatusCode != http.StatusTooManyRequests {
					t.Errorf("got %v, %v", resp, err)
				}
				return
			}
			mu.Lock()
			defer mu.Unlock()
			clients = append(clients, kit.NewClient(t, c))
		})
	}
	coming.Wait()
	return clients
}

// A user who comes with a hundred connections at once has as many as the limit says, never more and never fewer, and
// again after they have ended.
func TestRaceUserConnections(t *testing.T) {
	const limit = 7
	for _, oldest := range []bool{false, true} {
		kit.Bubble(t, fmt.Sprintf("close the oldest %v", oldest), func(t *testing.T) {
			app := startNodes(t, newSharedBroker(t), 1, func(o *wsgate.Options) { o.Limits.UserConnections, o.CloseOldest = limit, oldest })[0]
			user := app.Hub().User("ann")
			for range 5 {
				clients := raceUpgrades(t, app, 100)
				wstest.Quiet(app.Dial("/ws?name=bob")) // is another
				if want := map[bool]int{false: limit, true: 100}[oldest]; len(clients) != want {
					t.Errorf("%d were accepted, want %d", len(clients), want)
				}
				var ending sync.WaitGroup
				var mu sync.Mutex
				codes := map[int]int{}
				for _, c := range clients {
					ending.Go(func() {
						_, end := c.Rest()
						mu.Lock()
						defer mu.Unlock()
						codes[int(end.Code)]++
					})
				}
				synctest.Wait()
				if got := user.Len(); got != limit {
					t.Errorf("the user has %d connections, want %d", got, limit)
				}
				if err := user.Disconnect(t.Context(), 4000, ""); err != nil {
					t.Error(err)
				}
				ending.Wait()
				synctest.Wait()
				// They read only now: of those that were replaced no more could be closed in good order than stay.
				replaced := codes[int(wsgate.StatusReplaced)]
				if codes[4000] != limit || oldest && replaced < limit || replaced+codes[-1] != len(clients)-limit {
					t.Errorf("got the close codes %v", codes)
				}
				if got := user.Len(); got != 0 {
					t.Errorf("the user has %d connections, want none", got)
				}
			}
		})
	}
}

// With CloseOldest exactly the newest stay, across the routes.
func TestRaceNewestStay(t *testing.T) {
	const limit, count = 5, 40
	synctest.Test(t, func(t *testing.T) {
		app := startNodes(t, nil, 1, func(o *wsgate.Options) { o.Limits.UserConnections, o.CloseOldest = limit, true })[0]
		var clients []*wstest.Client
		for i := range count {
			clients = append(clients, app.Dial([]string{"/ws?name=ann", "/other?name=ann"}[i%2]))
			if i == count/2 { // one that ends by itself makes room, and is not closed for another
				clients[i].Close(1000, "")
			}
		}
		stay := clients[count-limit:]
		for i, c := range clients[:count-limit] {
			if i != count/2 {
				wstest.ExpectClose(c, wsgate.StatusReplaced)
			}
		}
		wstest.Quiet(stay...)
	})
}
