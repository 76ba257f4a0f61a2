package transport_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// tick is the resolution of the heartbeat with the default limits.
const tick = 250 * time.Millisecond

// endsOf returns a gateway whose handler takes as long as the message says, and its ends.
func endsOf(t *testing.T) (*kit.MessageGateway, chan error) {
	ends := make(chan error, 100)
	return &kit.MessageGateway{
		Hooks: kit.Hooks{Close: func(_ context.Context, _ *kit.Conn, err error) { ends <- err }},
		Message: func(_ context.Context, _ *kit.Conn, m wsgate.Message) error {
			wait, err := time.ParseDuration(string(m.Data))
			<-time.After(wait)
			return err
		},
	}, ends
}

// until checks that d is about right: between least and most, give or take the wheel's resolution.
func until(t *testing.T, what string, d, least, most time.Duration) {
	t.Helper()
	if d < least-2*tick || d > most+2*tick {
		t.Errorf("%s after %v, want %v to %v", what, d, least, most)
	}
}

// A silent client is pinged after 25 s, more or less, and dead 10 s later; not all at once.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients = 40
		g, ends := endsOf(t)
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
		begun := time.Now()
		pings := make(chan time.Duration, clients)
		for range clients {
			c := kit.DialRaw(t, app, "/ws")
			go func() {
				first, _, err := c.Frame()
				if err != nil || first != wire.Ping {
					t.Errorf("got %#x, %v, want a ping", first, err)
				}
				pinged := time.Now()
				pings <- pinged.Sub(begun)
				c.Gone(kit.Patience)
				until(t, "dead", time.Since(pinged), 10*time.Second, 10*time.Second)
			}()
		}
		wstest.Pass(time.Minute)
		at := map[time.Duration]bool{}
		for range clients {
			d := kit.Receive(t, pings, "a ping")
			until(t, "pinged", d, 22500*time.Millisecond, 27500*time.Millisecond)
			at[d] = true
			if err := kit.Receive(t, ends, "OnClose"); !errors.Is(err, wsgate.ErrPingTimeout) {
				t.Errorf("OnClose got %v, want ErrPingTimeout", err)
			}
		}
		if len(at) < 5 {
			t.Errorf("%d clients were pinged at %d different times", clients, len(at))
		}
	})
}

// Whatever a client sends shows that it is alive.
func TestAnyByteCounts(t *testing.T) {
	text := wire.Masked(wire.Text, []byte("0s"))
	dribble := wire.Masked(wire.Text, make([]byte, 100)) // does not parse, and is no end of the connection
	for _, test := range []struct {
		name string
		send func(n int) []byte
	}{
		{"pong", func(int) []byte { return wire.Masked(wire.Pong, nil) }},
		{"ping", func(int) []byte { return wire.Masked(wire.Ping, nil) }},
		{"message", func(int) []byte { return text }},
		{"a byte of a message", func(n int) []byte { return dribble[n : n+1] }},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			g, ends := endsOf(t)
			opts := &wsgate.Options{Limits: wsgate.Limits{MessageTime: time.Hour}}
			c := kit.DialRaw(t, kit.NewApp(t, opts, kit.RouteTo("/ws", g)), "/ws")
			var frames kit.Journal
			go c.ReadOn(&frames)
			for n := range 50 { // often enough never to be asked
				c.Put(test.send(n))
				wstest.Pass(20 * time.Second)
			}
			frames.Want(t)
			for n := range 20 { // late, but in time
				c.Put(test.send(50 + n))
				wstest.Pass(31 * time.Second)
			}
			if len(ends) > 0 {
				t.Fatalf("the connection has ended: %v", <-ends)
			}
			begun := time.Now() // 31 s after the last byte
			err := kit.Receive(t, ends, "OnClose")
			until(t, "dead", time.Since(begun)+31*time.Second, 32500*time.Millisecond, 37500*time.Millisecond)
			if !errors.Is(err, wsgate.ErrPingTimeout) {
				t.Errorf("OnClose got %v, want ErrPingTimeout", err)
			}
		})
	}
}

// A client that does nothing but answer pings, as every library does by itself, stays; nor do many.
func TestNoFalsePingTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, ends := endsOf(t)
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
		for range 20 {
			c := kit.Dial(t, app, "/ws")
			go c.Read(context.Background())
			wstest.Pass(time.Second / 3)
		}
		wstest.Pass(10 * time.Minute)
		if n := app.Hub().Len(); n != 20 || len(ends) > 0 {
			t.Errorf("%d connections are left of 20", n)
		}
	})
}

// While a handler runs nobody reads, so silence means nothing; afterwards the client has its full time again.
func TestHeartbeatIsSuspendedWhileAHandlerRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, ends := endsOf(t)
		c := kit.DialRaw(t, kit.NewApp(t, nil, kit.RouteTo("/ws", g)), "/ws")
		go c.ReadOn(new(kit.Journal)) // and answers nothing
		synctest.Wait()
		wstest.Pass(20 * time.Second)
		c.Put(wire.Masked(wire.Text, []byte("2m")))
		wstest.Pass(2*time.Minute + 31*time.Second)
		if len(ends) > 0 {
			t.Fatalf("the connection has ended: %v", <-ends)
		}
		wstest.Pass(10 * time.Second)
		if len(ends) == 0 {
			t.Fatal("the connection has not ended")
		}
		// A handler that begins between ping and pong.
		c = kit.DialRaw(t, kit.NewApp(t, nil, kit.RouteTo("/ws", g)), "/ws")
		if first, _, err := c.Frame(); err != nil || first != wire.Ping {
			t.Fatalf("got %#x, %v, want a ping", first, err)
		}
		<-ends
		c.Put(wire.Masked(wire.Text, []byte("9s")))
		go c.ReadOn(new(kit.Journal))
		wstest.Pass(9*time.Second + 31*time.Second)
		if len(ends) > 0 {
			t.Fatalf("the connection has ended: %v", <-ends)
		}
	})
}

// The limits of a route hold, however short they are.
func TestHeartbeatOfARoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, ends := endsOf(t)
		rt := kit.RouteTo("/ws", g)
		rt.Limits = &wsgate.Limits{Ping: time.Second, Pong: 100 * time.Millisecond}
		quiet, _ := endsOf(t)
		app := kit.NewApp(t, nil, rt, kit.RouteTo("/quiet", quiet))
		c, other := kit.DialRaw(t, app, "/ws"), kit.DialRaw(t, app, "/quiet")
		go other.ReadOn(new(kit.Journal))
		begun := time.Now()
		if first, _, err := c.Frame(); err != nil || first != wire.Ping {
			t.Fatalf("got %#x, %v, want a ping", first, err)
		}
		if d := time.Since(begun); d < 880*time.Millisecond || d > 1150*time.Millisecond {
			t.Errorf("pinged after %v, want 1 s and 10%%", d)
		}
		begun = time.Now()
		kit.Receive(t, ends, "OnClose")
		if d := time.Since(begun); d < 80*time.Millisecond || d > 150*time.Millisecond {
			t.Errorf("dead after %v, want 100 ms", d)
		}
		wstest.Pass(10 * time.Second)
		if n := app.Hub().At("/quiet").Len(); n != 1 {
			t.Error("the other route's connection has ended")
		}
	})
}
