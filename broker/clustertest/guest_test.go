package clustertest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// guest is a user with a connection, of which the history has all that it does.
type guest struct {
	user        string
	history     *history
	node        *node // with which it is connected, or was, or wants to be
	connections int
	client      *client          // nil while there is none
	stays       map[string]*stay // by room
}

func newGuest(h *history, user string) *guest {
	return &guest{user: user, history: h, stays: map[string]*stay{}}
}

// connect connects with a node.
func (g *guest) connect(ctx context.Context, n *node) (err error) {
	g.node = n
	g.connections++
	name := fmt.Sprintf("%s.%d", g.user, g.connections)
	g.client, err = dial(ctx, n, name, g.user, func(l line) { g.history.hears(name, l) })
	return err
}

// say says lines, one behind the other, and then waits for the answers.
func (g *guest) say(ctx context.Context, room string, count int) (answers []spoken, err error) {
	var lines []*spokenLine
	var replies []<-chan reply
	for range count {
		l := g.history.says(g.client.name, g.node.name, room)
		lines = append(lines, l)
		replies = append(replies, g.client.start(ctx, string(say), l.line))
	}
	for i, r := range replies {
		var s spoken
		if err := answerOf(ctx, r, &s); err != nil {
			return answers, err
		}
		g.history.wentOut(lines[i], s.Away)
		answers = append(answers, s)
	}
	return answers, nil
}

func (g *guest) join(ctx context.Context, room string) error {
	s := g.history.enters(g.client.name, g.node.name, room)
	if err := g.client.ask(ctx, string(join), room, nil); err != nil {
		g.history.leaves(s)
		return err
	}
	g.history.joined(s)
	g.stays[room] = s
	return nil
}

func (g *guest) leave(ctx context.Context, room string) error {
	err := g.client.ask(ctx, string(leave), room, nil)
	g.client.forget(room)
	g.history.leaves(g.stays[room])
	delete(g.stays, room)
	return err
}

// settle waits for what is due in all rooms, or in one.
func (g *guest) settle(ctx context.Context, rooms ...string) error {
	for room, s := range g.stays {
		if len(rooms) > 0 && !slices.Contains(rooms, room) {
			continue
		}
		if err := g.history.settle(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// disconnect ends the connection as a client does that leaves.
func (g *guest) disconnect() error {
	err := g.client.close()
	g.gone()
	return err
}

// breakOff ends the connection, if there is one, in whatever state it is.
func (g *guest) breakOff() {
	if g.client != nil {
		g.client.broken()
		g.gone()
	}
}

// gone notes that the connection is over.
func (g *guest) gone() {
	for _, s := range g.stays {
		g.history.leaves(s)
	}
	clear(g.stays)
	g.client = nil
}

// lobby is a room with two guests on every node.
const lobby = "lobby"

// party are the guests in the lobby.
type party struct {
	*cluster
	guests []*guest
}

// seat fills the lobby, and waits until everybody sees everybody, which takes a second or so.
func (c *cluster) seat(t testing.TB) *party {
	t.Helper()
	p := &party{cluster: c}
	p.seatOn(t, c.nodes...)
	const normal = 3 * time.Second // three times what is usual
	if took := timed(func() { p.seeEachOther(t) }); took > normal {
		t.Errorf("the guests saw each other after %v, want about a second", took)
	} else {
		t.Logf("the guests saw each other after %v", took.Round(time.Millisecond))
	}
	p.reachEachOther(t)
	return p
}

// seatOn brings the guests of some nodes.
func (p *party) seatOn(t testing.TB, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		for _, which := range []string{"a", "b"} {
			g := newGuest(p.history, n.name+which)
			p.guests = append(p.guests, g)
			p.bring(t, g, n)
		}
	}
}

// bring connects a guest and joins the lobby.
func (p *party) bring(t testing.TB, g *guest, n *node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := g.connect(ctx, n); err != nil {
		t.Fatalf("%s: %v", n.name, err)
	}
	t.Cleanup(g.breakOff)
	if err := g.join(ctx, lobby); err != nil {
		t.Fatalf("%s: %v", n.name, err)
	}
}

// on returns the guests on some nodes.
func (p *party) on(nodes ...*node) []*guest {
	return slices.DeleteFunc(slices.Clone(p.guests), func(g *guest) bool { return !slices.Contains(nodes, g.node) })
}

// others returns all nodes but one.
func (c *cluster) others(n *node) []*node {
	return slices.DeleteFunc(slices.Clone(c.nodes), func(other *node) bool { return other == n })
}

func users(guests []*guest) (names []string) {
	for _, g := range guests {
		names = append(names, g.user)
	}
	slices.Sort(names)
	return names
}

// forAll calls f for guests, all at the same time.
func forAll(t testing.TB, guests []*guest, f func(context.Context, *guest) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var running sync.WaitGroup
	for _, g := range guests {
		running.Go(func() {
			if err := f(ctx, g); err != nil {
				t.Errorf("%s on %s: %v", g.user, g.node.name, err)
			}
		})
	}
	running.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// reachEachOther has everybody say a line, and waits until it has come wherever the history says it must.
func (p *party) reachEachOther(t testing.TB) {
	t.Helper()
	forAll(t, p.guests, func(ctx context.Context, g *guest) error {
		_, err := g.say(ctx, lobby, 1)
		return err
	})
	forAll(t, p.guests, func(ctx context.Context, g *guest) error { return g.settle(ctx, lobby) })
}

// seeEachOther waits until every guest sees all.
func (p *party) seeEachOther(t testing.TB) {
	t.Helper()
	p.see(t, p.guests, p.guests)
}

// see waits until some guests see exactly the others.
func (p *party) see(t testing.TB, some, others []*guest) {
	t.Helper()
	forAll(t, some, func(ctx context.Context, g *guest) error { return g.client.sees(ctx, lobby, users(others)) })
}

// wantMembers waits until the node answers that exactly these users are in the room.
func (n *node) wantMembers(t testing.TB, room string, want []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := dial(ctx, n, "asker", "", func(line) {})
	if err != nil {
		t.Fatalf("%s: %v", n.name, err)
	}
	defer c.broken()
	again := time.NewTicker(20 * time.Millisecond) // nobody is told of a room where he is not
	defer again.Stop()
	want = slices.Sorted(slices.Values(want))
	for {
		var got []string
		err := c.ask(ctx, string(who), room, &got)
		if err == nil && slices.Equal(got, want) {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("%s: members of %q: got %s, %v, want %s", n.name, room, strings.Join(got, " "), err, strings.Join(want, " "))
		}
	}
}

// rooms returns the rooms in which a guest is, sorted.
func (g *guest) rooms() []string { return slices.Sorted(maps.Keys(g.stays)) }
