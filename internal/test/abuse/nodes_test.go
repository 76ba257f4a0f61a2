package abuse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	pipes "github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// inFakeTime runs a test in a bubble of testing/synctest, and watches the memory as for one in real time. The bubble sees
// to the goroutines.
func inFakeTime(t *testing.T, test func(t *testing.T)) {
	m := watchMemory()
	defer m.check(t, 0)
	synctest.Test(t, test)
}

// node is an App in fake time, one of several on an engine, with neighbours who use only what is on it.
type node struct {
	*wstest.App
	link *link
	log  *kit.Log
	loud bool // warnings in it belong to the test
	book *book

	mu      sync.Mutex // guards following
	states  []error    // that Options.OnBroker has heard
	clients int
}

// startNodes starts Apps whose clients have roomEvents and presence. They beat at different times. change, if not nil,
// is called with the Options of each.
func startNodes(t *testing.T, e *engine, count int, change func(*node, *wsgate.Options)) (all []*node) {
	t.Helper()
	for i := range count {
		n := &node{link: newLink(t, e), book: newBook(), log: kit.NewLog()}
		t.Cleanup(func() { n.finish(t, i) })
		options := &wsgate.Options{
			Broker: n.link, Logger: slog.New(n.log), OnBroker: n.heard,
			Limits: wsgate.Limits{Rooms: 20_000, Message: 1 << 20},
		}
		if change != nil {
			change(n, options)
		}
		echo := &gateway{entrance{book: n.book}}
		n.App = wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{
			{Path: attacked, New: func() *eventful { return &eventful{entrance{book: n.book}, nodeEvents()} }},
			{Path: home, New: func() *gateway { return echo }},
		}}, wstest.With(options))
		all = append(all, n)
		wstest.Pass(700 * time.Millisecond)
	}
	moveInto(t, all)
	wstest.Pass(time.Millisecond) // until the neighbours are connected
	return all
}

// finish checks what has to be so of a node that has ended.
func (n *node) finish(t *testing.T, number int) {
	for _, wrong := range n.book.balance() {
		t.Errorf("node %d: %s", number, wrong)
	}
	if left := n.link.topics(); len(left) > 0 {
		t.Errorf("node %d has ended and is subscribed to %q", number, left)
	}
	if lines := logged(n.log); len(lines) > 0 && !n.loud {
		t.Errorf("node %d: the log has %q", number, lines)
	}
}

// mark is said to oneself, behind everything that was heard before.
const mark wsgate.Event[string] = "mark"

func nodeEvents() wsgate.Events[guest] {
	return append(roomEvents(), track(), wsgate.On(mark, func(_ context.Context, c *conn, text string) error { return said.Emit(c, text) }))
}

func (n *node) heard(_ *wsgate.Hub, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.states = append(n.states, err)
}

// told returns the states that Options.OnBroker has heard since the last call.
func (n *node) told() []error {
	n.mu.Lock()
	defer n.mu.Unlock()
	states := n.states
	n.states = nil
	return states
}

// logged returns the number of lines in the log with that text, at warning level and above.
func (n *node) logged(text string) (count int) {
	for _, line := range logged(n.log) {
		if strings.Contains(line, text) {
			count++
		}
	}
	return count
}

// target is the attacked route, for a connection of a user, who may be nobody.
func (n *node) target(user string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clients++
	return fmt.Sprintf("%s?name=c%d&user=%s", attacked, n.clients, url.QueryEscape(user))
}

// connect opens a connection of a user that is in rooms.
func (n *node) connect(user string, rooms ...string) *wstest.Client {
	c := n.Dial(n.target(user))
	if len(rooms) > 0 {
		wstest.Do(c, join, rooms)
	}
	return c
}

// dial is connect for a client that sees every frame.
func (n *node) dial(t *testing.T, user string) *websocket.Conn {
	t.Helper()
	ws, _, err := pipes.Dial(n.App, n.target(user), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	synctest.Wait() // OnOpen has returned
	return ws
}

// room returns a room of the attacked route.
func (n *node) room(name string) wsgate.Room { return n.Hub().At(attacked).Room(name) }

// members returns who is in a room that is tracked, as "ann bob", and an error as Members does.
func (n *node) members(ctx context.Context, room string) (string, error) {
	all, err := wsgate.Members[profile](ctx, n.room(room))
	return strings.Join(slices.Sorted(maps.Keys(all)), " "), err
}

// present fails the test unless every node says that these are in the room, and nobody else.
func present(t *testing.T, room, want string, all ...*node) {
	t.Helper()
	for i, n := range all {
		if got, err := n.members(t.Context(), room); got != want || err != nil {
			t.Errorf("node %d: in %s are %q, %v; want %q", i, room, got, err, want)
		}
	}
}

// hear returns what a client has heard and not looked at: texts as they are, and presence as "all +ann:ANN -bob =2".
func hear(c *wstest.Client) (heard []string) {
	const end = "everything until here"
	wstest.Do(c, mark, end)
	for {
		text := c.NextText()
		var in struct{ Type, Data string }
		var news wsgate.Presence[profile]
		if err := json.Unmarshal([]byte(text), &in); err == nil && in.Type == string(said) {
			text = in.Data
		} else if err == nil && in.Type == string(people) && json.Unmarshal([]byte(text), &news) == nil {
			text = inShort(news)
		}
		if text == end {
			return heard
		}
		heard = append(heard, text)
	}
}

// inShort returns what is said of a room, in short.
func inShort(p wsgate.Presence[profile]) string {
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
	return strings.Join(append(words, fmt.Sprint("=", p.Count)), " ")
}

// hears fails the test unless the client has heard exactly that.
func hears(t *testing.T, c *wstest.Client, want ...string) {
	t.Helper()
	if got := hear(c); !slices.Equal(got, want) {
		t.Errorf("a client has heard %.300q, want %q", got, want)
	}
}

// until lets time pass, in steps, until something holds. It returns how long it took.
func until(t *testing.T, most time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	for !holds() {
		if time.Since(begun) > most {
			t.Fatalf("%s: not within %v", what, most)
		}
		wstest.Pass(100 * time.Millisecond)
	}
	return time.Since(begun)
}

const (
	fakePace = 5 * time.Second       // between the round trips of a neighbour in fake time
	fakeMost = 10 * time.Millisecond // that one may take: nothing computes for long where time is fake, so it waited
)

// moveInto has neighbours on all nodes, until the end of the test.
func moveInto(t *testing.T, all []*node) {
	leave := make(chan struct{})
	var gone sync.WaitGroup
	for i := range many {
		n := all[i%len(all)]
		gone.Go(func() {
			trips, err := n.live(i, leave)
			if err != nil {
				t.Errorf("neighbour %d, round trip %d: %v", i, trips, err)
			}
			figures.mu.Lock()
			defer figures.mu.Unlock()
			figures.fake[figures.row] += trips
		})
	}
	t.Cleanup(func() {
		close(leave)
		gone.Wait()
	})
}

// live is the life of a neighbour. They make their round trips at different times.
func (n *node) live(number int, leave <-chan struct{}) (trips int, err error) {
	ws, _, err := pipes.Dial(n.App, fmt.Sprintf("%s?name=neighbour%d", home, number), nil)
	if err != nil {
		return 0, err
	}
	defer ws.CloseNow()
	timer := time.NewTimer(time.Duration(number) * fakePace / many)
	defer timer.Stop()
	for ; ; trips++ {
		select {
		case <-leave:
			return trips, ws.Close(websocket.StatusNormalClosure, "")
		case <-timer.C:
			timer.Reset(fakePace)
		}
		if err := roundTrip(ws, fmt.Sprint(number, " says ", trips)); err != nil {
			return trips, err
		}
	}
}

func roundTrip(ws *websocket.Conn, said string) error {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := ws.Write(ctx, websocket.MessageText, []byte(said))
	_, heard, err2 := ws.Read(ctx)
	if err := errors.Join(err, err2); err != nil || string(heard) != said {
		return fmt.Errorf("said %q, heard %q, %w", said, heard, err)
	}
	if took := time.Since(begun); took > fakeMost {
		return fmt.Errorf("it took %v", took)
	}
	return nil
}
