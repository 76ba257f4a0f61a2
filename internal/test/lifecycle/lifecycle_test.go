package lifecycle

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/leak"
)

var (
	schedules = flag.Int("schedules", 2000, "how many schedules to play")
	first     = flag.Uint64("seed", 0, "the first schedule's seed; the others count from it")
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }

// Whatever clients, handlers and the rest of the server do at the same time, the promises hold.
func TestSchedules(t *testing.T) {
	var counts struct {
		sync.Mutex
		opened, closed int
	}
	for i := range *schedules {
		seed := *first + uint64(i)
		synctest.Test(t, func(t *testing.T) {
			opened, closed, wrong := play(t, seed)
			counts.Lock()
			counts.opened += opened
			counts.closed += closed
			counts.Unlock()
			for _, w := range wrong {
				t.Errorf("-seed %d -schedules 1: %s", seed, w)
			}
		})
		if t.Failed() {
			return // one is enough to look at
		}
		if i%10000 == 9999 {
			t.Logf("%d schedules, %d connections", i+1, counts.opened)
		}
	}
	if counts.opened != counts.closed {
		t.Errorf("%d OnOpen, %d OnClose", counts.opened, counts.closed)
	}
	t.Logf("%d schedules: %d OnOpen that returned nil, %d OnClose", *schedules, counts.opened, counts.closed)
}

// play plays one schedule.
func play(t *testing.T, seed uint64) (opened, closed int, wrong []string) {
	random := rand.New(rand.NewPCG(seed, 1<<32))
	g := &gateway{seed: seed}
	app, err := wsgate.New(
		&wsgate.Module{Gateways: []wsgate.Route{{Path: "/ws", New: func() *gateway { return g }}}},
		&wsgate.Options{Logger: slog.New(slog.DiscardHandler), Limits: wsgate.Limits{QueueMessages: 20}},
	)
	if err != nil {
		t.Fatal(err)
	}
	var clients []*client
	var all sync.WaitGroup
	for n := range 1 + random.IntN(5) {
		conn, _, err := memory.DialRaw(app, "/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(conn.(memory.Conn), rand.New(rand.NewPCG(seed, 1000+uint64(n))))
		clients = append(clients, c)
		if c.reads {
			all.Go(c.listen)
		}
		all.Go(c.act)
	}
	g.interfere(app, random, &all)

	shutdownEarly := random.IntN(3) == 0
	if !shutdownEarly {
		<-time.After(3 * time.Minute) // every limit is over
		synctest.Wait()
		for i, c := range clients {
			if ids := c.unanswered(); ids != nil {
				wrong = append(wrong, fmt.Sprintf("client %d has no answer to %v of %d", i, ids, c.asked))
			}
		}
	}
	over := make(chan struct{})
	for n := range 1 + random.IntN(3) {
		o := outsider{app: app, random: rand.New(rand.NewPCG(seed, 2000+uint64(n))), name: fmt.Sprint("outsider ", n), conns: g.all()}
		all.Go(func() { o.act(over) })
	}
	wrong = append(wrong, shutdown(app, random)...)
	close(over)
	for _, c := range clients {
		c.Conn.Close()
	}
	all.Wait()
	<-time.After(time.Minute) // a handler that took its time has returned
	synctest.Wait()
	if n, m := app.Hub().Len(), app.Hub().At("/ws").Room("lobby").Len(); n+m > 0 {
		wrong = append(wrong, fmt.Sprintf("%d connections are left, %d in the lobby", n, m))
	}
	for _, c := range g.conns {
		want := 0
		if c.Data.opened {
			want = 1
		}
		if c.Data.closes != want {
			wrong = append(wrong, fmt.Sprintf("OnClose ran %d times, want %d", c.Data.closes, want))
		}
		opened, closed = opened+want, closed+c.Data.closes
		wrong = append(wrong, c.Data.wrong...)
	}
	for _, c := range clients {
		wrong = append(wrong, c.wrong...)
	}
	return opened, closed, wrong
}

// interfere does from outside what a server may do to its connections.
func (g *gateway) interfere(app *wsgate.App, random *rand.Rand, all *sync.WaitGroup) {
	<-time.After(time.Duration(random.IntN(5000)) * time.Microsecond)
	broadcasts := random.IntN(20)
	all.Go(func() { // one source that sends to everybody
		for n := range broadcasts {
			told.Emit(app.Hub(), news{"hub", n + 1})
			<-time.After(100 * time.Microsecond)
		}
	})
	for _, c := range g.all() {
		switch random.IntN(8) {
		case 0:
			c.Close(4001, "kicked")
		case 1:
			all.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				c.Flush(ctx)
			})
		case 2:
			all.Go(func() { c.Room("lobby").Except(c).Send(wsgate.Text(`{"type":"note"}`)) })
		case 3:
			all.Go(func() { c.Join("room 1"); c.Leave("lobby") })
		case 4:
			all.Go(func() { app.Hub().Refresh(context.Background()) })
		}
	}
}

// shutdown shuts down with plenty of time or with hardly any.
func shutdown(app *wsgate.App, random *rand.Rand) (wrong []string) {
	most := time.Minute
	if random.IntN(3) == 0 {
		most = time.Duration(random.IntN(3)) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	begun := time.Now()
	err := app.Shutdown(ctx)
	took := time.Since(begun)
	if took > most || (err != nil) != (errors.Is(err, context.DeadlineExceeded) && took == most) {
		wrong = append(wrong, fmt.Sprintf("Shutdown within %v returned %v after %v", most, err, took))
	}
	if err := app.Shutdown(context.Background()); err != nil || app.Hub().Len() > 0 {
		wrong = append(wrong, fmt.Sprintf("Shutdown after that returned %v with %d connections left", err, app.Hub().Len()))
	}
	return wrong
}
