package abuse

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// startAcross starts servers that are nodes on an engine, and returns their links.
func startAcross(t *testing.T, count int, su setup) (all []*server, links []*link) {
	t.Helper()
	e := newEngine(t)
	for range count {
		l := newLink(t, e)
		su.options.Broker = l
		all, links = append(all, start(t, su)), append(links, l)
	}
	return all, links
}

// Row 53: whoever is in a room, on whatever node, hears everything that is sent to it, once and in order.
func largeRoomsAcrossNodes(t *testing.T) {
	const size, messages = 50, 20
	all, _ := startAcross(t, 2, setup{hooks: hooks{open: room}})
	var members []*client
	for range size {
		for _, s := range all {
			members = append(members, s.connect(t))
		}
	}
	for i, s := range all {
		out := s.app.Hub().At(attacked).Room("busy")
		if !eventually(patience, func() bool { return out.Len() == size }) {
			t.Fatalf("%d are in the room of node %d, want %d", out.Len(), i, size)
		}
	}
	for m := range messages {
		if err := all[m%2].app.Hub().At(attacked).Room("busy").Send(wsgate.Text(fmt.Sprint(m))); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range members {
		for m := range messages {
			c.hears(wire.Frame{First: text, Payload: fmt.Append(nil, m)})
		}
		c.echoes()
		c.leaves()
	}
}

// Row 53: a member that stops reading is no matter to those on other nodes.
func stalledElsewhere(t *testing.T) {
	all, _ := startAcross(t, 2, setup{
		limits: wsgate.Limits{QueueBytes: 512 << 10, QueueMessages: 100, Write: time.Minute, Close: short},
		hooks:  hooks{open: room}, most: 64 << 20,
	})
	stalled := all[1].slow(t)
	var others []*client
	for _, s := range all {
		others = append(others, s.connect(t), s.connect(t))
	}
	for _, c := range others {
		c.echoes() // has joined
	}
	if !eventually(patience, func() bool { return all[1].app.Hub().At(attacked).Room("busy").Len() == 3 }) {
		t.Fatal("not all have joined")
	}
	stalled.stall(all[0].app.Hub().At(attacked).Room("busy"), others, 64<<10, 4)
}

// Row 55: a room goes on while its members vanish on one node in the middle of broadcasts from the other.
func vanishingAcrossNodes(t *testing.T) {
	const rounds = 60
	all, _ := startAcross(t, 2, setup{hooks: hooks{open: room}})
	listeners := []*client{all[0].connect(t), all[1].connect(t)}
	for _, c := range listeners {
		c.echoes() // has joined
	}
	t.Run("all", func(t *testing.T) {
		for i := range rounds {
			c := all[i%2].connect(t)
			if err := all[1-i%2].app.Hub().At(attacked).Room("busy").Send(wsgate.Text(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
			c.reset()
		}
	})
	for _, c := range listeners {
		for i := range rounds {
			c.hears(wire.Frame{First: text, Payload: fmt.Append(nil, i)})
		}
		c.echoes()
		c.leaves()
	}
}

// Row 55: hooks on both nodes close everybody on both nodes at the same time, themselves as well. Nothing waits for itself, and
// nothing is delivered after that.
func disconnectFromHooks(t *testing.T) {
	const clients = 10
	act := func(ctx context.Context, c *conn, m wsgate.Message) error {
		if string(m.Data) != "close all" {
			return c.Send(m)
		}
		if err := c.Room("busy").Disconnect(context.WithoutCancel(ctx), 4002, "all"); err != nil {
			t.Errorf("Disconnect from a handler: %v", err)
		}
		if err := c.Send(m); !errors.Is(err, wsgate.ErrClosed) {
			t.Errorf("Send after it: %v", err)
		}
		return nil
	}
	all, _ := startAcross(t, 2, setup{hooks: hooks{message: act, open: room, close: func(ctx context.Context, c *conn) {
		if err := c.Room("busy").Disconnect(ctx, 4003, "again"); err != nil {
			t.Errorf("Disconnect from OnClose: %v", err)
		}
		if err := c.Room("busy").Send(wsgate.Text("gone")); err != nil {
			t.Errorf("Send from OnClose: %v", err)
		}
	}}})
	t.Run("all", func(t *testing.T) {
		var members []*client
		for range clients {
			for _, s := range all {
				c := s.connect(t)
				c.echoes()
				members = append(members, c)
			}
		}
		begun := time.Now()
		var closing sync.WaitGroup
		for _, c := range members {
			closing.Go(func() {
				c.try(masked(text, []byte("close all")))
				if before, code := c.closed(); code != 4002 && code != 4003 || len(before) > 0 {
					c.t.Errorf("got close code %d after %v", code, before)
				}
				c.closedWith(errClosedSo)
			})
		}
		closing.Wait()
		if took := time.Since(begun); took > late {
			t.Errorf("it took %v", took)
		}
	})
	for i, s := range all {
		out := s.app.Hub().At(attacked).Room("busy")
		if !eventually(patience, func() bool { return out.Len() == 0 }) {
			t.Errorf("%d are in the room of node %d", out.Len(), i)
		}
	}
}

// Row 56: a thousand goroutines have connections on two nodes join and leave one room, while the engine takes its time. In
// the end those hear the room who are in it, and the node is subscribed if, and only if, there are any.
func thousandJoinAndLeave(t *testing.T) {
	const conns, goroutines, rounds = 20, 500, 2 // on each node
	inFakeTime(t, func(t *testing.T) {
		slow := faults{subscribe: func(context.Context, string) error {
			<-time.After(time.Duration(rand.IntN(2000)) * time.Microsecond)
			return nil
		}}
		all := startNodes(t, newEngine(t), 2, nil)
		var clients []*wstest.Client
		for _, n := range all {
			n.link.fail(slow)
			for range conns {
				clients = append(clients, n.connect(""))
			}
		}
		contest := func(end func(wsgate.AnyConn)) {
			var busy sync.WaitGroup
			for _, n := range all {
				members := slices.Collect(n.Hub().At(attacked).Conns())
				for g := range goroutines {
					busy.Go(func() {
						c := members[g%len(members)]
						for range rounds {
							if err := c.Join("contested"); err != nil {
								t.Error(err)
							}
							c.Leave("contested")
							<-time.After(time.Duration(rand.IntN(5000)) * time.Microsecond)
						}
						end(c)
					})
				}
			}
			busy.Wait()
		}
		check := func(want int) {
			t.Helper()
			wstest.Pass(10 * time.Second)
			for i, n := range all {
				if got := n.room("contested").Len(); got != want {
					t.Errorf("%d are in the room of node %d, want %d", got, i, want)
				}
				if subscribed := slices.Contains(n.link.topics(), topicOf("contested")); subscribed != (want > 0) {
					t.Errorf("with %d in the room node %d is subscribed: %v", want, i, subscribed)
				}
				if err := said.Emit(n.room("contested"), fmt.Sprint("from ", i)); err != nil {
					t.Error(err)
				}
			}
			for _, c := range clients {
				if want > 0 {
					hears(t, c, "from 0", "from 1")
				} else {
					hears(t, c)
				}
			}
		}
		contest(func(wsgate.AnyConn) {})
		check(0)
		contest(func(c wsgate.AnyConn) {
			if err := c.Join("contested"); err != nil {
				t.Error(err)
			}
		})
		for _, n := range all { // some were made to leave by another goroutine
			for c := range n.Hub().At(attacked).Conns() {
				if err := c.Join("contested"); err != nil {
					t.Error(err)
				}
			}
		}
		check(conns)
		contest(func(wsgate.AnyConn) {})
		check(0)
	})
}
