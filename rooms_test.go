package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

// crowd is an App with connections of known names.
type crowd struct {
	app     *kit.App
	clients map[string]*kit.Client
	conns   map[string]*kit.Conn
}

// gather opens a connection on /ws for every name.
func gather(t *testing.T, limits wsgate.Limits, names ...string) *crowd {
	cr := &crowd{clients: map[string]*kit.Client{}, conns: map[string]*kit.Conn{}}
	g := &kit.MessageGateway{Hooks: kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error {
		cr.conns[c.Data.Name] = c
		return nil
	}}}
	cr.app = kit.NewApp(t, &wsgate.Options{Limits: limits}, kit.RouteTo("/ws", g), kit.RouteTo("/other", &kit.MessageGateway{}))
	for _, name := range names {
		cr.clients[name] = kit.Dial(t, cr.app, "/ws?name="+name)
		synctest.Wait()
	}
	return cr
}

// delivered ends all connections and returns what each client has got.
func (cr *crowd) delivered(t *testing.T) map[string][]string {
	var mu sync.Mutex
	var wg sync.WaitGroup
	all := map[string][]string{}
	for name, c := range cr.clients {
		wg.Go(func() {
			messages, _ := c.Rest()
			mu.Lock()
			defer mu.Unlock()
			if len(messages) > 0 {
				all[name] = messages
			}
		})
	}
	if err := cr.app.End(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	return all
}

func TestWhoGetsWhat(t *testing.T) {
	everybody := []string{"ann", "bob", "cid", "dan"}
	tests := []struct {
		name string
		do   func(cr *crowd)
		send func(cr *crowd) wsgate.Target
		want []string
	}{
		{"one", nil, func(cr *crowd) wsgate.Target { return cr.conns["ann"] }, []string{"ann"}},
		{"all of a connection's gateway", nil, func(cr *crowd) wsgate.Target { return cr.conns["ann"].All() }, everybody},
		{"hub", nil, func(cr *crowd) wsgate.Target { return cr.app.Hub() }, everybody},
		{"path", nil, func(cr *crowd) wsgate.Target { return cr.app.Hub().At("/ws") }, everybody},
		{"other path", nil, func(cr *crowd) wsgate.Target { return cr.app.Hub().At("/other") }, nil},
		{
			"room", func(cr *crowd) { cr.conns["ann"].Join("r"); cr.conns["bob"].Join("r") },
			func(cr *crowd) wsgate.Target { return cr.conns["cid"].Room("r") },
			[]string{"ann", "bob"},
		},
		{
			"room from the hub", func(cr *crowd) { cr.conns["ann"].Join("r") },
			func(cr *crowd) wsgate.Target { return cr.app.Hub().At("/ws").Room("r") },
			[]string{"ann"},
		},
		{
			"room of the same name elsewhere", func(cr *crowd) { cr.conns["ann"].Join("r") },
			func(cr *crowd) wsgate.Target { return cr.app.Hub().At("/other").Room("r") }, nil,
		},
		{"nobody's room", nil, func(cr *crowd) wsgate.Target { return cr.conns["ann"].Room("nobody") }, nil},
		{
			"room joined twice", func(cr *crowd) { c := cr.conns["ann"]; c.Join("r"); c.Join("r", "r"); c.Join("s", "r") },
			func(cr *crowd) wsgate.Target { return cr.conns["ann"].Room("r") },
			[]string{"ann"},
		},
		{
			"room joined twice and left once", func(cr *crowd) { c := cr.conns["ann"]; c.Join("r", "r"); c.Join("r"); c.Leave("r") },
			func(cr *crowd) wsgate.Target { return cr.conns["ann"].Room("r") }, nil,
		},
		{
			"room left and joined again", func(cr *crowd) { c := cr.conns["ann"]; c.Join("r"); c.Leave("r"); c.Join("r") },
			func(cr *crowd) wsgate.Target { return cr.conns["ann"].Room("r") },
			[]string{"ann"},
		},
		{
			"room never joined and left", func(cr *crowd) { cr.conns["ann"].Leave("r", "s", ""); cr.conns["bob"].Join("r") },
			func(cr *crowd) wsgate.Target { return cr.conns["ann"].Room("r") },
			[]string{"bob"},
		},
		{"all but one", nil, func(cr *crowd) wsgate.Target { return cr.conns["ann"].All().Except(cr.conns["ann"]) }, everybody[1:]},
		{"all but two", nil, func(cr *crowd) wsgate.Target {
			return cr.conns["ann"].All().Except(cr.conns["ann"]).Except(cr.conns["dan"], cr.conns["ann"])
		}, everybody[1:3]},
		{"all but nobody", nil, func(cr *crowd) wsgate.Target { return cr.conns["ann"].All().Except() }, everybody},
		{
			"except stays with the narrower room", func(cr *crowd) { cr.conns["ann"].Join("r"); cr.conns["bob"].Join("r") },
			func(cr *crowd) wsgate.Target { return cr.conns["ann"].All().Except(cr.conns["ann"]).Room("r") },
			[]string{"bob"},
		},
		{"except leaves the room it was called on as it was", func(*crowd) {}, func(cr *crowd) wsgate.Target {
			three := cr.conns["ann"].All()
			for range 3 { // a slice that has grown to three has room for a fourth
				three = three.Except(cr.conns["ann"])
			}
			all := three.Except(cr.conns["bob"])
			three.Except(cr.conns["cid"])
			return all
		}, everybody[2:]},
		{
			"except somebody who is not there", func(cr *crowd) { cr.conns["ann"].Join("r") },
			func(cr *crowd) wsgate.Target { return cr.conns["ann"].Room("r").Except(cr.conns["bob"]) },
			[]string{"ann"},
		},
		{
			"after somebody was closed", func(cr *crowd) { cr.conns["ann"].Close(1000, "") },
			func(cr *crowd) wsgate.Target { return cr.app.Hub() }, everybody[1:],
		},
	}
	for _, test := range tests {
		kit.Bubble(t, test.name, func(t *testing.T) {
			cr := gather(t, wsgate.Limits{}, everybody...)
			if test.do != nil {
				test.do(cr)
			}
			to := test.send(cr)
			if err := to.Send(wsgate.Text("m")); err != nil {
				t.Errorf("Send: %v", err)
			}
			if err := noted.Emit(to, 7); err != nil {
				t.Errorf("Emit: %v", err)
			}
			if room, ok := to.(wsgate.Room); ok {
				var listed []string
				for c := range room.Conns() {
					listed = append(listed, c.(*kit.Conn).Data.Name)
				}
				slices.Sort(listed)
				if n := room.Len(); n != len(listed) || test.name != "after somebody was closed" && !slices.Equal(listed, test.want) {
					t.Errorf("the room has %d connections, lists %q, want %q", n, listed, test.want)
				}
			}
			got := cr.delivered(t)
			for _, name := range test.want {
				if want := []string{"m", `{"type":"noted","data":7}`}; !slices.Equal(got[name], want) {
					t.Errorf("%s got %q, want %q", name, got[name], want)
				}
				delete(got, name)
			}
			if len(got) > 0 {
				t.Errorf("others got something: %q", got)
			}
		})
	}
}

func TestRoomNames(t *testing.T) {
	var many []string
	for i := range 129 {
		many = append(many, fmt.Sprint(i))
	}
	tests := []struct {
		name  string
		rooms []string
		want  error // ErrLimit, or anything else for an *Error with code Invalid
	}{
		{"ordinary", []string{"lobby", "a b", "ünï/☃:>*.", "..", "\u00a1"}, nil},
		{"none", nil, nil},
		{"255 bytes", []string{strings.Repeat("x", 255)}, nil},
		{"256 bytes", []string{strings.Repeat("x", 256)}, errors.New("")},
		{"128 runes of two bytes", []string{strings.Repeat("ü", 128)}, errors.New("")},
		{"empty", []string{""}, errors.New("")},
		{"not UTF-8", []string{"a\xff"}, errors.New("")},
		{"NUL", []string{"a\x00b"}, errors.New("")},
		{"newline", []string{"a\nb"}, errors.New("")},
		{"line separator", []string{"a\u2028b"}, errors.New("")},
		{"invisible", []string{"a\u200bb"}, nil},
		{"good ones and a bad one", []string{"good", "", "fine"}, errors.New("")},
		{"128", many[:128], nil},
		{"129", many, wsgate.ErrLimit},
		{"128, some twice", append(slices.Clone(many[:128]), many[:10]...), nil},
	}
	for _, test := range tests {
		kit.Bubble(t, test.name, func(t *testing.T) {
			c := gather(t, wsgate.Limits{}, "ann").conns["ann"]
			err := c.Join(test.rooms...)
			var own *wsgate.Error
			switch {
			case test.want == nil && err != nil, test.want != nil && err == nil,
				test.want == wsgate.ErrLimit && !errors.Is(err, wsgate.ErrLimit),
				test.want != nil && test.want != wsgate.ErrLimit && (!errors.As(err, &own) || own.Code != wsgate.Invalid):
				t.Errorf("Join: %v, want %v", err, test.want)
			}
			want := slices.Compact(slices.Sorted(slices.Values(test.rooms)))
			if test.want != nil {
				want = nil
			}
			if got := c.Rooms(); !slices.Equal(got, want) {
				t.Errorf("in rooms %q, want %q", got, want)
			}
		})
	}
	kit.Bubble(t, "one more than the limit", func(t *testing.T) {
		c := gather(t, wsgate.Limits{Rooms: 3}, "ann").conns["ann"]
		for _, err := range []error{c.Join("a", "b"), c.Join("b", "c"), c.Join("a")} {
			if err != nil {
				t.Error(err)
			}
		}
		if err := c.Join("a", "d"); !errors.Is(err, wsgate.ErrLimit) {
			t.Errorf("the fourth: %v, want ErrLimit", err)
		}
		c.Leave("a")
		if err := c.Join("d"); err != nil {
			t.Errorf("after leaving one: %v", err)
		}
		if got, want := c.Rooms(), []string{"b", "c", "d"}; !slices.Equal(got, want) {
			t.Errorf("in rooms %q, want %q", got, want)
		}
	})
}

// Goroutines that join, leave, send to, list and close the same connections and rooms get ErrClosed at worst, and leave
// nobody behind in a room.
func TestAnybodyMayDoAnything(t *testing.T) {
	for _, transport := range kit.Carriers {
		t.Run(transport.Name, func(t *testing.T) {
			const clients, workers, steps = 6, 4, 150
			opened := make(chan wsgate.AnyConn, clients)
			g := &kit.MessageGateway{
				Hooks:   kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error { opened <- c; return c.Join("r0") }},
				Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error { return c.Room("r1").Send(m) },
			}
			app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
			connect := transport.Connect(t, app)
			var wg sync.WaitGroup
			for n := range clients {
				c := connect("/ws?name=" + fmt.Sprint(n))
				wg.Go(func() { c.Rest() })
				wg.Go(func() {
					for range steps {
						c.Write(context.Background(), websocket.MessageText, []byte("x"))
					}
				})
			}
			var conns []wsgate.AnyConn
			for range clients {
				conns = append(conns, kit.Receive(t, opened, "OnOpen"))
			}
			var working sync.WaitGroup
			for w := range workers {
				working.Go(func() {
					random := rand.New(rand.NewPCG(uint64(w), 1))
					for step := range steps {
						c := conns[random.IntN(clients)]
						room := fmt.Sprintf("r%d", random.IntN(3))
						var err error
						switch random.IntN(8) {
						case 0:
							err = c.Join(room)
						case 1:
							c.Leave(room, "r0")
						case 2:
							err = c.Send(wsgate.Text(room))
						case 3:
							err = noted.Emit(c.Room(room), step)
						case 4:
							err = noted.Emit(c, step)
						case 5:
							for member := range c.Room(room).Except(c).Conns() {
								member.Rooms()
							}
						case 6:
							app.Hub().Len()
							err = app.Hub().Send(wsgate.Text("hub"))
						case 7:
							if step > steps*3/4 {
								c.Close(websocket.StatusNormalClosure, "")
							}
						}
						if err != nil && !errors.Is(err, wsgate.ErrClosed) && !errors.Is(err, wsgate.ErrSlowClient) {
							t.Errorf("got %v", err)
						}
					}
				})
			}
			for _, c := range conns {
				working.Go(func() { c.Flush(t.Context()) })
			}
			working.Wait()
			for _, c := range conns {
				c.Close(websocket.StatusNormalClosure, "")
			}
			wg.Wait() // the clients have answered, or the server has cut them off
			if err := app.End(); err != nil {
				t.Error(err)
			}
			for room := range 3 {
				if n := app.Hub().At("/ws").Room(fmt.Sprintf("r%d", room)).Len(); n > 0 {
					t.Errorf("%d connections are left in room r%d", n, room)
				}
			}
			for _, c := range conns {
				if err := c.Join("r0"); !errors.Is(err, wsgate.ErrClosed) {
					t.Errorf("Join afterwards: %v", err)
				}
			}
		})
	}
}
