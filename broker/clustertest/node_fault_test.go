package clustertest

import (
	"context"
	"net/http"
	"testing"
	"time"
)

// buried is how long it may take until a node is taken for dead: 12 s are promised, one is for a busy machine.
const buried = 13 * time.Second

// seeWithin waits until some guests see exactly the others.
func (p *party) seeWithin(t testing.TB, most time.Duration, since time.Time, some, others []*guest) {
	t.Helper()
	p.see(t, some, others)
	if took := time.Since(since); took > most {
		t.Errorf("the guests saw who is there after %v, want at most %v", took, most)
	} else {
		t.Logf("the guests saw who is there after %v", took.Round(time.Millisecond))
	}
}

// reach has guests say a line each, and waits until it has come to all of them, whatever the history would forgive.
func (p *party) reach(ctx context.Context, t testing.TB, guests []*guest) error {
	t.Helper()
	forAll(t, guests, func(_ context.Context, g *guest) error {
		_, err := g.say(context.Background(), lobby, 1)
		return err
	})
	for _, g := range guests {
		for _, speaker := range guests {
			if err := p.history.settleWith(ctx, g.stays[lobby], speaker.client.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// A node is killed: the others go on, its users are gone after a while, except those who have come back elsewhere.
func TestNodeKilled(t *testing.T) {
	overServers(t, func(t *testing.T, s *server) {
		c := startCluster(t, s, 3)
		p := c.seat(t)
		load := c.beginRough(t)
		victim := c.nodes[2]
		others, dead := p.on(c.others(victim)...), p.on(victim)

		c.history.fault(victim) // until the end
		load.lost.Store(victim, true)
		begun := time.Now()
		victim.process.kill(t)
		p.guests = others
		p.reachEachOther(t)
		forAll(t, dead, func(ctx context.Context, g *guest) error {
			g.client.ended(ctx)
			return ctx.Err()
		})
		comesBack := dead[0]
		for _, g := range dead {
			g.breakOff()
		}
		p.bring(t, comesBack, c.nodes[0])
		p.guests = append(p.guests, comesBack)
		p.reachEachOther(t)
		p.seeWithin(t, buried, begun, p.guests, p.guests)
		for _, n := range c.others(victim) {
			n.wantMembers(t, lobby, users(p.guests))
			n.wantReady(t, http.StatusOK)
		}
		load.end(t)
	})
}

// The network between a node and the engine swallows everything: the node finds out and says so, the others take it for
// dead, and all is as it was when the network is back. The node has joined late, so that it gives its signs of life at
// other times than the others.
func TestNetworkSwallows(t *testing.T) {
	overServers(t, func(t *testing.T, s *server) {
		c := startCluster(t, s, 2)
		p := c.seat(t)
		others := p.guests
		load := c.beginRough(t)
		alone := startProcess(t, nodeName(2), s, newProxy(t, s.addr, 0), c.history)
		alone.await(t, saysBack)
		c.add(alone)
		p.seatOn(t, alone)
		p.seeEachOther(t)
		cutOff := p.on(alone)

		over := c.history.fault(alone)
		begun := time.Now()
		end := alone.link.swallow()
		alone.await(t, saysAway)
		if took, most := time.Since(begun), s.notices+2*time.Second; took > most {
			t.Errorf("the node noticed after %v, want at most %v", took, s.notices)
		} else {
			t.Logf("the node noticed after %v", took.Round(time.Millisecond))
		}
		alone.wantReady(t, http.StatusServiceUnavailable)
		p.speakAway(t, cutOff)
		p.see(t, cutOff, p.guests) // the users of others stay as they were
		p.reachEachOther(t)
		p.seeWithin(t, buried, begun, others, others)

		end()
		alone.await(t, saysBack)
		over()
		alone.wantReady(t, http.StatusOK)
		p.reachEachOther(t)
		p.seeSoon(t)
		late := newGuest(c.history, "late") // whose node reads the table
		after := startProcess(t, nodeName(3), s, nil, c.history)
		after.await(t, saysBack)
		c.add(after)
		p.bring(t, late, after)
		p.guests = append(p.guests, late)
		p.seeSoon(t)
		for _, n := range c.nodes {
			n.wantMembers(t, lobby, users(p.guests))
		}
		load.end(t)
	})
}
