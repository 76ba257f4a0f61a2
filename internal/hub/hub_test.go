package hub_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate/internal/frame"
	"github.com/wsgate/wsgate/internal/hub"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/leak"
	"github.com/wsgate/wsgate/internal/transport"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }

const replaced websocket.StatusCode = 4409

// node is a hub with one route, to which clients connect in memory.
type node struct {
	t      *testing.T
	hub    *hub.Hub
	route  *hub.Route
	engine *transport.Engine
	limits *transport.Limits

	running sync.WaitGroup
	opened  chan *hub.Member
	ends    kit.Journal // "ID CAUSE" of each connection

	mu   sync.Mutex // guards following
	logs []string
}

// start makes a node. Without a broker it has no others.
func start(t *testing.T, broker hub.Broker, change func(*hub.Config)) *node {
	t.Helper()
	n := &node{t: t, opened: make(chan *hub.Member, 1), limits: &transport.Limits{
		Message: 1 << 10, Wire: 1 << 12, Frames: 10, Assembly: time.Minute, Handler: time.Hour,
		QueueBytes: 1 << 16, QueueMessages: 100, Write: time.Minute, Close: time.Second, Ping: time.Hour, Pong: time.Hour,
	}}
	n.engine = transport.NewEngine(time.Second, 1<<30)
	config := hub.Config{Engine: n.engine, Broker: broker, QueueBytes: n.limits.QueueBytes, Log: n.log}
	if change != nil {
		change(&config)
	}
	n.hub = hub.New(config)
	n.route = n.hub.Route("/", hub.Limits{Rooms: 3, QueueBytes: n.limits.QueueBytes})
	if err := n.hub.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.route.All().Each(func(m *hub.Member) { go m.Close(1001, "") })
		n.running.Wait()
		n.engine.Stop()
		_ = n.hub.Close(context.Background())
		_ = n.hub.EndCallbacks(context.Background())
	})
	return n
}

func (n *node) log(_ slog.Level, msg string, err error, _ ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.logs = append(n.logs, fmt.Sprint(msg, " ", err))
}

// ServeHTTP opens a connection of the user in the path.
func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := new(hub.Member)
	m.Init(n.route, r.FormValue("id"), n)
	var refused error
	c, err := transport.Accept(w, r, &transport.AcceptOptions{
		Limits: n.limits, Engine: n.engine, Counters: n.route.Counters(), Admit: func() (context.Context, *transport.Refusal) {
			if refused = m.Reserve(r.Context(), time.Now().Add(time.Minute), r.FormValue("user")); refused != nil {
				return nil, &transport.Refusal{Status: http.StatusServiceUnavailable, Message: refused.Error()}
			}
			return context.Background(), nil
		},
	})
	if err != nil {
		m.Release()
		return
	}
	n.running.Go(func() {
		if m.Open(c) {
			m.Stay()
		}
		n.opened <- m
		for err == nil {
			_, _, _, err = c.Read()
		}
		n.ends.Add("%s %v", m.ID(), c.End(err))
		m.LeaveAll()
		m.Remove()
	})
}

// client is the other end of a member.
type client struct {
	*hub.Member
	ws *websocket.Conn
	t  *testing.T
}

// connect connects a client with that id, of a user, "" for nobody.
func (n *node) connect(id, user string) *client {
	n.t.Helper()
	ws, _, err := memory.Dial(n, "/?id="+id+"&user="+user, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	return &client{<-n.opened, ws, n.t}
}

// heard returns what a client has got, until nothing more comes.
func (c *client) heard() (texts []string) {
	c.t.Helper()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, text, err := c.ws.Read(ctx)
		cancel()
		if err != nil {
			return texts // coder/websocket closes the connection then
		}
		texts = append(texts, string(text))
	}
}

func text(s string) *frame.Message { return frame.NewMessage(websocket.MessageText, []byte(s)) }

// Each set has the members that are in it when it is used, and no others.
func TestSets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, nil, nil)
		a, b, c := n.connect("a", "ann"), n.connect("b", "ann"), n.connect("c", "")
		for _, join := range []struct {
			who   *client
			rooms []string
		}{{a, []string{"x", "y"}}, {b, []string{"y", "y"}}, {b, []string{"y"}}, {c, []string{"z"}}} {
			if err := join.who.Join(join.rooms, nil); err != nil {
				t.Fatal(err)
			}
		}
		c.Leave([]string{"z", "nowhere"})
		rt := n.route
		for _, test := range []struct {
			name string
			set  hub.Set
			want string
		}{
			{"all", rt.All(), "abc"},
			{"a room", rt.Room("y"), "ab"},
			{"a room of one", rt.Room("x"), "a"},
			{"a room that everybody has left", rt.Room("z"), ""},
			{"a room that never was", rt.Room("w"), ""},
			{"a user", rt.User("ann"), "ab"},
			{"nobody", rt.User("bob"), ""},
			{"all but one", rt.All().Except(b.Member), "ac"},
			{"a room but one", rt.Room("y").Except(a.Member), "b"},
			{"a room of those but one", rt.All().Except(a.Member).Room("y"), "b"},
			{"all but two", rt.All().Except(a.Member).Except(b.Member, b.Member), "c"},
		} {
			var ids []string
			test.set.Each(func(m *hub.Member) { ids = append(ids, m.ID()) })
			slices.Sort(ids)
			if got := strings.Join(ids, ""); got != test.want {
				t.Errorf("%s: got %q, want %q", test.name, got, test.want)
			}
			if err := test.set.Send(text(test.name), nil, ""); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
		}
		for who, want := range map[*client]string{
			a: "all, a room, a room of one, a user, all but one", b: "all, a room, a user, a room but one, a room of those but one", c: "all, all but one, all but two",
		} {
			if got := strings.Join(who.heard(), ", "); got != want {
				t.Errorf("%s heard %q, want %q", who.ID(), got, want)
			}
		}
	})
}

// A connection is in no more rooms than it may, and in none once it has left all.
func TestJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, nil, nil)
		a := n.connect("a", "")
		for _, test := range []struct {
			rooms []string
			err   error
			in    string
		}{
			{[]string{"x", "y"}, nil, "x y"},
			{[]string{"x", "z", "w"}, transport.ErrLimit, "x y"},
			{[]string{"x", "z", "z"}, nil, "x y z"},
			{[]string{"z"}, nil, "x y z"},
			{[]string{"w"}, transport.ErrLimit, "x y z"},
		} {
			if err := a.Join(test.rooms, nil); !errors.Is(err, test.err) || err != nil && test.err == nil {
				t.Errorf("Join(%q): got %v, want %v", test.rooms, err, test.err)
			}
			if got := strings.Join(a.Rooms(), " "); got != test.in {
				t.Errorf("after Join(%q) it is in %q, want %q", test.rooms, got, test.in)
			}
		}
		a.LeaveAll()
		if err := a.Join([]string{"x"}, nil); !errors.Is(err, transport.ErrClosed) || len(a.Rooms()) > 0 {
			t.Errorf("after it has left for good: got %v, and it is in %q", err, a.Rooms())
		}
	})
}

// A user's connections are held to their number: the newest is refused, or the oldest closed.
func TestUserConnections(t *testing.T) {
	for _, oldest := range []bool{false, true} {
		t.Run(fmt.Sprint("the oldest goes: ", oldest), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := start(t, nil, func(c *hub.Config) {
					c.UserConnections = 1
					if oldest {
						c.Replace = replaced
					}
				})
				first := n.connect("a", "ann")
				n.connect("b", "bob") // another user
				if !oldest {
					if _, _, err := memory.Dial(n, "/?id=c&user=ann", nil); err == nil {
						t.Error("a second connection was accepted")
					}
					first.ws.CloseNow()
					synctest.Wait()
					n.connect("d", "ann") // there is a place again
					return
				}
				n.connect("c", "ann")
				_, _, err := first.ws.Read(t.Context())
				if websocket.CloseStatus(err) != replaced {
					t.Errorf("the oldest: got %v, want close code %d", err, replaced)
				}
			})
		})
	}
}

// A connection that makes room may be cut for the next newcomer before it was closed for the first. It was replaced all the
// same.
func TestCauseOfWhoIsCutBeforeItIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, nil, func(c *hub.Config) { c.UserConnections, c.Replace = 1, replaced })
		n.connect("a", "ann")
		n.hub.BeginReplacing("ann")
		for _, id := range []string{"b", "c"} {
			n.connect(id, "ann")
		}
		synctest.Wait()
		if ends := n.ends.All(); !slices.Contains(ends, "a "+transport.ErrLimit.Error()) {
			t.Errorf("got %q, want a to end as one that was replaced", ends)
		}
	})
}

// What is sent on one node reaches the members on another, but for the exceptions; Disconnect closes them there.
func TestNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := new(local.Broker)
		here, there := start(t, engine, nil), start(t, engine, nil)
		a, b, c := here.connect("a", "ann"), there.connect("b", "ann"), there.connect("c", "")
		for _, m := range []*client{a, b, c} {
			if err := m.Join([]string{"x"}, nil); err != nil {
				t.Fatal(err)
			}
		}
		for name, set := range map[string]hub.Set{
			"room": here.route.Room("x"), "but c": here.route.Room("x").Except(c.Member), "user": here.route.User("ann"), "empty": here.route.Room("y"),
		} {
			if err := set.Send(text(name), nil, ""); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := here.hub.Disconnect(t.Context(), []hub.Set{here.route.User("ann")}, 4000, "go"); err != nil {
			t.Error(err)
		}
		for who, want := range map[*client][]string{a: {"but c", "room", "user"}, b: {"but c", "room", "user"}, c: {"room"}} {
			got := who.heard()
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s heard %q, want %q", who.ID(), got, want)
			}
		}
		synctest.Wait()
		left := 0
		there.route.All().Each(func(*hub.Member) { left++ })
		dropped := uint64(0)
		for _, n := range there.hub.Traffic().Ignored {
			dropped += n
		}
		if dropped != 0 || left != 0 { // c's own client has closed by now
			t.Errorf("the other node has dropped %d messages, and %d connections are left", dropped, left)
		}
	})
}

// While the broker is away the members on this node are reached, and the error says that others are not.
func TestBrokerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := new(local.Broker)
		states := make(chan error, 10)
		n := start(t, engine, func(c *hub.Config) { c.OnBroker = func(err error) { states <- err } })
		a := n.connect("a", "")
		<-states
		engine.SetAway(errors.New("unplugged"))
		if err := <-states; err == nil {
			t.Error("nobody was told that the broker is away")
		}
		if err := n.route.All().Send(text("hello"), nil, ""); !errors.Is(err, hub.ErrBroker) {
			t.Errorf("Send: got %v, want ErrBroker", err)
		}
		if err := n.hub.Away(); !errors.Is(err, hub.ErrBroker) {
			t.Errorf("Away: got %v, want ErrBroker", err)
		}
		if got := a.heard(); !slices.Equal(got, []string{"hello"}) {
			t.Errorf("the member on this node heard %q", got)
		}
		engine.SetAway(nil)
		if err := <-states; err != nil || n.hub.Away() != nil {
			t.Errorf("told %v when the broker was back, and Away is %v", err, n.hub.Away())
		}
	})
}

// A broker that panics costs what it was called for, and is logged.
func TestBrokerPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := &panicky{Broker: new(local.Broker)}
		n := start(t, broker, nil)
		a := n.connect("a", "")
		broker.on.Store(true)
		if err := n.route.All().Send(text("hello"), nil, ""); !errors.Is(err, hub.ErrBroker) {
			t.Errorf("Send: got %v, want ErrBroker", err)
		}
		if err := a.Join([]string{"x"}, nil); !errors.Is(err, hub.ErrBroker) {
			t.Errorf("Join: got %v, want ErrBroker", err)
		}
		broker.on.Store(false)
		synctest.Wait()
		n.mu.Lock()
		defer n.mu.Unlock()
		if logs := strings.Join(n.logs, "\n"); strings.Count(logs, "the broker panicked wsgate: panic: out of order") < 2 { // its own signs of life may be among them
			t.Errorf("logged %q", logs)
		}
	})
}

// panicky is a broker that panics while on.
type panicky struct {
	*local.Broker
	on atomic.Bool
}

func (b *panicky) Publish(topic string, message []byte) error {
	if b.on.Load() {
		panic("out of order")
	}
	return b.Broker.Publish(topic, message)
}

func (b *panicky) Subscribe(ctx context.Context, topic string, receive func([]byte)) (func(), error) {
	if b.on.Load() {
		panic("out of order")
	}
	return b.Broker.Subscribe(ctx, topic, receive)
}
