//go:build unix

package clustertest

import (
	"context"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// A node is stopped for so long that the others take it for dead, and goes on as if nothing had been: its users come
// back, once, and nobody hears anything twice.
func TestNodeStopped(t *testing.T) {
	overServers(t, func(t *testing.T, s *server) {
		c := startCluster(t, s, 3)
		p := c.seat(t)
		load := c.beginRough(t)
		sleeper := c.nodes[2]
		others := p.on(c.others(sleeper)...)
		signal := func(sig syscall.Signal) {
			t.Helper()
			if err := sleeper.process.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
		}

		over := c.history.fault(sleeper)
		begun := time.Now()
		signal(syscall.SIGSTOP)
		awake := &party{c, others}
		awake.reachEachOther(t)
		awake.seeWithin(t, buried, begun, others, others)
		for _, n := range c.others(sleeper) {
			n.wantMembers(t, lobby, users(others))
		}

		signal(syscall.SIGCONT)
		begun = time.Now()
		p.see(t, p.guests, p.guests)
		t.Logf("the guests saw each other %v after the node went on", time.Since(begun).Round(time.Millisecond))
		p.comeTogether(t)
		over()
		p.reachEachOther(t)
		for _, n := range c.nodes {
			n.wantReady(t, http.StatusOK)
			n.wantMembers(t, lobby, users(p.guests))
		}
		load.end(t)
	})
}

// comeTogether has the guests say lines until all of them hear all: a broker may have taken the time that its node was
// stopped for the engine's.
func (p *party) comeTogether(t *testing.T) {
	t.Helper()
	late := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err := p.reach(ctx, t, p.guests)
		cancel()
		switch {
		case err == nil:
			return
		case time.Now().After(late):
			t.Fatal(err)
		}
	}
}
