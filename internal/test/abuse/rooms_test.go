package abuse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// What clients do to rooms, and hear in them.
const (
	join  wsgate.Event[[]string] = "join"
	leave wsgate.Event[[]string] = "leave"
	churn wsgate.Event[[]string] = "churn" // join and leave, 500 times
	tell  wsgate.Event[line]     = "tell"
	said  wsgate.Event[string]   = "said"

	people wsgate.Event[wsgate.Presence[profile]] = "people"
)

// line is what somebody says to a room.
type line struct {
	Room string `json:"room"`
	Text string `json:"text"`
}

// profile is what members of a room know of a user.
type profile struct {
	Name string `json:"name"`
}

// roomEvents are events with which a client does to rooms what it wants.
func roomEvents() []wsgate.Binding[guest] {
	bind := func(e wsgate.Event[[]string], do func(c *conn, rooms []string) error) wsgate.Binding[guest] {
		return wsgate.On(e, func(_ context.Context, c *conn, rooms []string) error { return do(c, rooms) })
	}
	return []wsgate.Binding[guest]{
		bind(join, func(c *conn, rooms []string) error {
			err := c.Join(rooms...)
			if errors.Is(err, wsgate.ErrLimit) {
				return wsgate.Errorf(wsgate.Conflict, "too many rooms")
			}
			return err
		}),
		bind(leave, func(c *conn, rooms []string) error { c.Leave(rooms...); return nil }),
		bind(churn, func(c *conn, rooms []string) error {
			for range 500 {
				if err := c.Join(rooms...); err != nil {
					return err
				}
				c.Leave(rooms...)
			}
			return nil
		}),
		wsgate.On(tell, func(_ context.Context, c *conn, l line) error { return said.Emit(c.Room(l.Room), l.Text) }),
		wsgate.Answer(wsgate.Call[struct{}, []string]("rooms"), func(_ context.Context, c *conn, _ struct{}) ([]string, error) { return c.Rooms(), nil }),
	}
}

// track keeps who is in the rooms.
func track() wsgate.Binding[guest] {
	return wsgate.Track(people, func(c *conn, _ string) (profile, bool) { return profile{strings.ToUpper(c.Data.user)}, true })
}

// Row 50: a room's name is one line, and nothing but itself: no pattern, no path, no other form of another name.
func roomNames(t *testing.T) {
	s := start(t, vocabulary(roomEvents()...))
	join := func(name string) string { return `{"type":"join","id":1,"data":["` + name + `"]}` }
	for _, name := range []string{
		``, `a\u0000b`, `\r\nPUB x`, `a\nb`, `\t`, `\u001b[2J`, `\u007f`, `\u0085`, `\u2028`, `\u2029`,
		strings.Repeat("x", 256), strings.Repeat("ä", 128), strings.Repeat("x", 60_000),
	} {
		s.converse(t, exchange{join(name), "invalid 1"}, exchange{`{"type":"rooms","id":1}`, `{"type":"rooms","id":1,"data":[]}`})
	}
	names := []string{
		"../../etc", "a/b", "a", "A", "*", ">", "a.*", "a..b", "a.b", " ", "  ", "\u00e9", "e\u0301", "\U0001f600", "%", "%s", "a%2fb",
		"other:a", "{a}", "#", "+", "$SYS", "__proto__", "\u200b", "\u202ea", "\ufeff", "\u00a0", "a\u200cb", "a\u200db", attacked, home, strings.Repeat("x", 255),
	}
	var members []*client
	for _, name := range names {
		c := s.connect(t)
		c.exchanges(exchange{join(name), `{"type":"join","id":1}`})
		members = append(members, c)
	}
	for i, name := range names {
		room := s.app.Hub().At(attacked).Room(name)
		if n := room.Len(); n != 1 {
			t.Errorf("%d are in room %q, want 1", n, name)
		}
		if err := said.Emit(room, fmt.Sprint(i)); err != nil {
			t.Error(err)
		}
	}
	for i, c := range members {
		c.hears(wire.Frame{First: text, Payload: fmt.Appendf(nil, `{"type":"said","data":"%d"}`, i)})
		c.put(masked(text, []byte(sound.say)))
		c.answer(sound)
		c.leaves()
	}
}

// Row 51: a connection is in so many rooms, in each of them once.
func manyRooms(t *testing.T) {
	const most = 10
	su := vocabulary(roomEvents()...)
	su.limits.Rooms = most
	s := start(t, su)
	list := func(n int) string {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf(`"r%d"`, i))
		}
		return "[" + strings.Join(names, ",") + "]"
	}
	do := func(event, rooms string) string { return `{"type":"` + event + `","id":1,"data":` + rooms + `}` }
	const joined, left, churned = `{"type":"join","id":1}`, `{"type":"leave","id":1}`, `{"type":"churn","id":1}`
	in := func(rooms string) exchange {
		return exchange{`{"type":"rooms","id":1}`, `{"type":"rooms","id":1,"data":` + rooms + `}`}
	}
	c := s.connect(t)
	c.exchanges(
		exchange{do("join", list(5000)), "conflict 1"}, exchange{do("join", list(most+1)), "conflict 1"}, in(`[]`),
		exchange{do("join", list(most)), joined}, exchange{do("join", list(most)), joined}, in(list(most)),
		exchange{do("join", `["r0","r0","more"]`), "conflict 1"}, exchange{do("join", `["r0","r0"]`), joined}, in(list(most)),
		exchange{do("join", `["r0",""]`), "invalid 1"},
		exchange{do("leave", list(5000)), left}, in(`[]`), exchange{do("leave", `["r0","","never\u0000"]`), left},
		exchange{do("churn", `["r1"]`), churned}, exchange{do("churn", list(most)), churned}, in(`[]`),
		exchange{do("join", `["r0","r0"]`), joined}, exchange{do("join", `["r0"]`), joined},
	)
	hub := s.app.Hub().At(attacked)
	for i, want := range []int{1, 0} {
		if n := hub.Room(fmt.Sprint("r", i)).Len(); n != want {
			t.Errorf("%d are in room r%d, want %d", n, i, want)
		}
	}
	if err := said.Emit(hub.Room("r0"), "once"); err != nil {
		t.Error(err)
	}
	c.hears(wire.Frame{First: text, Payload: []byte(`{"type":"said","data":"once"}`)})
	c.exchanges(exchange{do("leave", `["r0"]`), left})
	c.leaves()
}

// Row 53: whoever is in a room hears everything that is sent to it, once and in order, however many they are.
func largeRooms(t *testing.T) {
	const messages = 20
	for _, size := range []int{1, 200} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			s := start(t, setup{hooks: hooks{open: room}})
			var members []*client
			for range size {
				members = append(members, s.connect(t))
			}
			out := s.app.Hub().At(attacked).Room("busy")
			if !eventually(patience, func() bool { return out.Len() == size }) {
				t.Fatalf("%d are in the room, want %d", out.Len(), size)
			}
			for i := range messages {
				if err := out.Send(wsgate.Text(fmt.Sprint(i))); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range members {
				for i := range messages {
					c.hears(wire.Frame{First: text, Payload: fmt.Append(nil, i)})
				}
				c.echoes()
				c.leaves()
			}
		})
	}
}

// Row 54: what one client sends to a room as fast as it can costs as much as the members' queues hold. Each member gets it
// once and in order, all of it or all up to the point at which it is closed for being too slow.
func broadcastStorm(t *testing.T) {
	const members, messages, size = 5, 120, 60 << 10
	s := start(t, setup{
		limits: wsgate.Limits{QueueBytes: 256 << 10, Write: time.Minute, Close: short, Rate: math.MaxInt},
		hooks: hooks{open: room, message: func(_ context.Context, c *conn, m wsgate.Message) error {
			return c.Room("busy").Except(c).Send(m)
		}},
	})
	stalled := s.slow(t)
	t.Run("all", func(t *testing.T) {
		var reading sync.WaitGroup
		for range members {
			c := s.connect(t)
			reading.Go(func() { c.weathers(messages) })
		}
		storm := s.connect(t)
		if !eventually(patience, func() bool { return s.app.Hub().At(attacked).Room("busy").Len() == members+2 }) {
			t.Fatal("not all have joined")
		}
		message := make([]byte, size)
		for i := range messages {
			message[0] = byte(i)
			storm.put(masked(bin, message))
		}
		reading.Wait()
		stalled.closedWith(wsgate.ErrSlowClient)
		storm.leaves()
	})
}

// weathers reads so many numbered messages, or all until the server closes. Then it leaves.
func (c *client) weathers(messages int) {
	for i := range messages {
		c.SetReadDeadline(time.Now().Add(patience))
		f, err := wire.ReadFrame(c.in)
		if err != nil || f.First == closing {
			c.closedWith(wsgate.ErrSlowClient)
			return
		}
		if f.First != bin || f.Payload[0] != byte(i) {
			c.t.Errorf("message %d: got %v", i, f)
		}
	}
	c.leaves()
}

// Row 55: hooks may leave, close and send to themselves and to each other; nothing is delivered after that.
func fromWithinHooks(t *testing.T) {
	send := func(c *conn, what string) error { return c.Room("busy").Send(wsgate.Text(what)) }
	allClosed := make(chan struct{})
	act := func(_ context.Context, c *conn, m wsgate.Message) error {
		switch string(m.Data) {
		case "leave":
			c.Leave("busy")
			return send(c, "left")
		case "close myself":
			c.Close(4000, "bye")
			c.Close(4001, "not this")
			return send(c, "closed")
		case "close all":
			for member := range c.Room("busy").Conns() {
				member.Close(4002, "all")
			}
			close(allClosed)
			return send(c, "nobody hears it")
		}
		return c.Send(m)
	}
	s := start(t, setup{hooks: hooks{message: act, open: room, close: func(_ context.Context, c *conn) {
		c.Close(4003, "too late")
		if err := send(c, "gone"); err != nil {
			t.Errorf("sending from OnClose: %v", err)
		}
		c.Leave("busy")
		if err := c.Join("busy"); err != nil { // as long as OnClose runs
			t.Errorf("joining from OnClose: %v", err)
		}
	}}})
	hears := func(c *client, what string) { c.t.Helper(); c.hears(wire.Frame{First: text, Payload: []byte(what)}) }
	all := s.app.Hub().At(attacked).Room("busy")
	var others []*client
	for range 3 {
		others = append(others, s.connect(t))
	}
	members := func(n int) {
		t.Helper()
		if !eventually(patience, func() bool { return all.Len() == n }) {
			t.Fatalf("%d are in the room, want %d", all.Len(), n)
		}
	}
	visitor := func(do string) *client {
		members(len(others)) // the one before has left
		c := s.connect(t)
		members(len(others) + 1)
		c.put(masked(text, []byte(do)))
		return c
	}
	c := visitor("leave")
	c.echoes() // and not what it said to the room
	c.leaves()
	c = visitor("close myself")
	if before := c.closes(4000, errClosedSo); len(before) > 0 {
		t.Errorf("%v came after Close", before)
	}
	c = visitor("nothing")
	hears(c, "nothing")
	c.reset()
	c.closedWith(errLost)
	for _, other := range others {
		for _, what := range []string{"left", "gone", "closed", "gone", "gone"} {
			hears(other, what)
		}
		other.echoes()
	}
	c = visitor("close all")
	if !within(patience, allClosed) { // before one of them answers, and its OnClose sends
		t.Fatal("the handler does not end")
	}
	for _, member := range append(others, c) {
		for _, f := range member.closes(4002, errClosedSo) {
			t.Errorf("%v came after Close", f)
		}
	}
	members(0)
}

// Row 55: a room goes on while its members vanish in the middle of broadcasts.
func vanishingMembers(t *testing.T) {
	const rounds = 60
	s := start(t, setup{hooks: hooks{open: room}})
	all := s.app.Hub().At(attacked).Room("busy")
	listener := s.connect(t)
	listener.echoes() // has joined
	t.Run("all", func(t *testing.T) {
		for i := range rounds {
			c := s.connect(t)
			if err := all.Send(wsgate.Text(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
			c.reset()
		}
	})
	for i := range rounds {
		listener.hears(wire.Frame{First: text, Payload: fmt.Append(nil, i)})
	}
	listener.echoes()
	listener.leaves()
}

// Row 56: a room whose last member leaves while its first one joins is there for those who are in it, and for nobody else.
func lastLeavesFirstJoins(t *testing.T) {
	const clients, rounds = 8, 4
	s := start(t, vocabulary(roomEvents()...))
	out := s.app.Hub().At(attacked).Room("contested")
	const rooms = `"id":1,"data":["contested"]`
	var all []*client
	for range clients {
		all = append(all, s.connect(t))
	}
	together := func(x ...exchange) {
		var wg sync.WaitGroup
		for _, c := range all {
			wg.Go(func() { c.exchanges(x...) })
		}
		wg.Wait()
	}
	for range rounds {
		together(each(`{"type":"churn","id":1}`, `{"type":"churn",`+rooms+`}`, `{"type":"churn",`+rooms+`}`)...)
		if n := out.Len(); n != 0 {
			t.Errorf("%d are in the room that all have left", n)
		}
		together(exchange{`{"type":"join",` + rooms + `}`, `{"type":"join","id":1}`})
		if n := out.Len(); n != clients {
			t.Errorf("%d are in the room, want %d", n, clients)
		}
		if err := said.Emit(out, "x"); err != nil {
			t.Error(err)
		}
		for _, c := range all {
			c.hears(wire.Frame{First: text, Payload: []byte(`{"type":"said","data":"x"}`)})
		}
		together(exchange{`{"type":"leave",` + rooms + `}`, `{"type":"leave","id":1}`})
	}
	for _, c := range all {
		c.leaves()
	}
}
