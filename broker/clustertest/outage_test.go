package clustertest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

// afterwards is how long it may take until all see each other when all brokers are back.
const afterwards = 5 * time.Second

// beginRough begins a load that goes on through faults, and returns after a random time.
func (c *cluster) beginRough(t *testing.T) *load {
	t.Helper()
	load := &load{cluster: c, users: 6, rooms: []string{"red", "green", "blue"}, pause: 10 * time.Millisecond, rough: true}
	load.begin(t)
	load.warmUp(t)
	return load
}

// speakAway has guests say lines while their nodes cannot reach others: they are told so at once, and are heard on their
// own node.
func (p *party) speakAway(t testing.TB, guests []*guest) {
	t.Helper()
	var mu sync.Mutex // guards following
	var took []time.Duration
	forAll(t, guests, func(ctx context.Context, g *guest) error {
		answers, err := g.say(ctx, lobby, 5)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for _, a := range answers {
			if !a.Away {
				t.Errorf("%s on %s: Emit returned no error while the engine is away, want ErrBroker", g.user, g.node.name)
			}
			took = append(took, a.Took)
		}
		return nil
	})
	forAll(t, guests, func(ctx context.Context, g *guest) error { return g.settle(ctx, lobby) })
	slices.Sort(took)
	if median, longest := took[len(took)/2], took[len(took)-1]; median > 100*time.Millisecond || longest > time.Second {
		t.Errorf("Emit took %v, at most %v, while the engine is away: want it to return at once", median, longest)
	}
}

// seeSoon is seeEachOther when all brokers are back since a moment.
func (p *party) seeSoon(t testing.TB) {
	t.Helper()
	if took := timed(func() { p.seeEachOther(t) }); took > afterwards {
		t.Errorf("the guests saw each other %v after all brokers were back, want at most %v", took, afterwards)
	} else {
		t.Logf("the guests saw each other %v after all brokers were back", took.Round(time.Millisecond))
	}
}

// The engine is killed and comes back with nothing of what it had.
func TestEngineKilled(t *testing.T) {
	overServers(t, func(t *testing.T, s *server) {
		c := startCluster(t, s, 3)
		p := c.seat(t)
		load := c.beginRough(t)
		over := c.history.fault()
		s.process.kill(t)
		for _, n := range c.nodes {
			n.await(t, saysAway)
			n.wantReady(t, http.StatusServiceUnavailable)
		}

		// One guest leaves and another comes, of which the other nodes cannot hear.
		leaves := p.guests[0]
		if err := leaves.disconnect(); err != nil {
			t.Error(err)
		}
		p.guests = p.guests[1:]
		p.see(t, p.on(c.nodes[0]), p.guests)
		comes := newGuest(c.history, "late")
		p.bring(t, comes, c.nodes[1])
		p.guests = append(p.guests, comes)

		again := time.NewTicker(100 * time.Millisecond)
		defer again.Stop()
		for begun := time.Now(); time.Since(begun) < *awayFlag; <-again.C {
			p.speakAway(t, p.guests)
		}
		s.restart(t)
		c.awaitBack(t)
		over()
		p.reachEachOther(t)
		p.seeSoon(t)
		for _, n := range c.nodes {
			n.wantReady(t, http.StatusOK)
			n.wantMembers(t, lobby, users(p.guests))
		}
		load.end(t)
	})
}

// Without an engine the App does not start, and says so soon. With StartWithoutBroker it starts all the same, and joins its
// cluster when there is an engine.
func TestStartWithoutEngine(t *testing.T) {
	overServers(t, func(t *testing.T, s *server) {
		s.process.kill(t)
		var failing sync.WaitGroup // at the same time, since it takes its time
		defer failing.Wait()
		nowhere := s.urlAt("127.0.0.1:" + freePort(t))
		failing.Go(func() { startAlone(t, s.engine, nowhere) })
		c := &cluster{server: s, history: newHistory()}
		for i := range 2 {
			c.add(startHere(t, nodeName(i), s.connect(t), c.history, func(o *wsgate.Options) { o.StartWithoutBroker = true }))
		}
		p := &party{cluster: c}
		p.seatOn(t, c.nodes...)
		for _, n := range c.nodes {
			n.await(t, saysAway)
			n.wantReady(t, http.StatusServiceUnavailable)
			p.see(t, p.on(n), p.on(n))
		}
		p.speakAway(t, p.guests)
		s.restart(t)
		c.awaitBack(t)
		p.reachEachOther(t)
		p.seeSoon(t)
		for _, n := range c.nodes {
			n.wantReady(t, http.StatusOK)
			n.wantMembers(t, lobby, users(p.guests))
		}
		c.account(t)
	})
}

// startAlone starts an App where there never is an engine.
func startAlone(t *testing.T, e *engine, url string) {
	b, err := e.connect(url)
	if err != nil {
		t.Error(err)
		return
	}
	defer b.Close()
	app, err := newApp("alone", b, options(b))
	if err != nil {
		t.Error(err)
		return
	}
	const most = 12 * time.Second // 10 are promised
	if took := timed(func() { err = app.Start(context.Background()) }); !errors.Is(err, wsgate.ErrBroker) || took > most {
		t.Errorf("Start returned %v after %v, want ErrBroker within 10s", err, took)
	}
	if err := app.Ready(); err == nil {
		t.Error("Ready returned nil, want an error")
	}
	if err := app.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}
