package transport_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// slowGateway notes with what its connections end, by name.
func slowGateway(ends chan<- string) *kit.MessageGateway {
	return &kit.MessageGateway{Hooks: kit.Hooks{
		Open: func(_ context.Context, c *kit.Conn) error { return c.Join("room") },
		Close: func(_ context.Context, c *kit.Conn, err error) {
			ends <- fmt.Sprintf("%s %v", c.Data.Name, errors.Is(err, wsgate.ErrSlowClient))
		},
	}}
}

// A client that does not read is disconnected when its queue is full, by bytes or by messages, and not before. Others
// do not notice, and sending takes no time.
func TestSlowClientFillsItsQueue(t *testing.T) {
	tests := []struct {
		name   string
		limits wsgate.Limits
		size   int // of each message; a frame is 4 bytes more
		fits   int // messages
	}{
		{"messages", wsgate.Limits{}, 500, 1024},
		{"bytes", wsgate.Limits{}, 65532, 16},
		{"few messages", wsgate.Limits{QueueMessages: 3}, 500, 3},
		{"few bytes", wsgate.Limits{QueueBytes: 1008}, 500, 2},
		{"fewer bytes", wsgate.Limits{QueueBytes: 1007}, 500, 1},
	}
	for _, test := range tests {
		kit.Bubble(t, test.name, func(t *testing.T) {
			ends := make(chan string, 2)
			app := kit.NewApp(t, &wsgate.Options{Limits: test.limits}, kit.RouteTo("/ws", slowGateway(ends)))
			stalled := kit.DialRaw(t, app, "/ws?name=stalled")
			healthy := kit.Dial(t, app, "/ws?name=healthy")
			heard := make(chan int, 1)
			go func() {
				messages, end := healthy.Rest()
				if end.Code != websocket.StatusServiceRestart {
					t.Errorf("the healthy client got close %v", end)
				}
				heard <- len(messages)
			}()
			synctest.Wait()
			begun := time.Now()
			message := wsgate.Text(strings.Repeat("x", test.size))
			room := app.Hub().At("/ws").Room("room")
			send := func(want int) {
				if err := room.Send(message); err != nil {
					t.Errorf("sending: %v", err)
				}
				synctest.Wait() // the healthy client has read it
				if n := app.Hub().Len(); n != want {
					t.Fatalf("%d connections, want %d", n, want)
				}
			}
			for range test.fits {
				send(2)
			}
			var slow wsgate.AnyConn
			for c := range app.Hub().Conns() {
				if c.(*kit.Conn).Data.Name == "stalled" {
					slow = c
				}
			}
			if err := slow.Send(message); !errors.Is(err, wsgate.ErrSlowClient) {
				t.Errorf("sending to the full queue: %v, want ErrSlowClient", err)
			}
			if err := slow.Send(message); !errors.Is(err, wsgate.ErrClosed) {
				t.Errorf("sending after that: %v, want ErrClosed", err)
			}
			if took := time.Since(begun); took > 0 {
				t.Errorf("sending took %v", took)
			}
			for range 5 {
				room.Send(message)
				synctest.Wait()
			}
			wstest.Pass(10 * time.Second) // for the close frame; nobody reads it
			if got := kit.Receive(t, ends, "OnClose"); got != "stalled true" {
				t.Errorf("got %q", got)
			}
			if err := app.End(); err != nil {
				t.Error(err)
			}
			if n := <-heard; n != test.fits+5 {
				t.Errorf("the healthy client got %d messages, want %d", n, test.fits+5)
			}
			stalled.Gone(0)
		})
	}
}

// A slow client that reads in the end hears why it is disconnected, and gets no message cut in two.
func TestSlowClientHearsWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ends := make(chan string, 1)
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{QueueMessages: 10}}, kit.RouteTo("/ws", slowGateway(ends)))
		c := kit.Dial(t, app, "/ws?name=stalled")
		synctest.Wait()
		for range 12 {
			app.Hub().Send(wsgate.Text(strings.Repeat("x", 3000)))
		}
		wstest.Pass(4 * time.Second)
		messages, end := c.Rest()
		if end != (websocket.CloseError{Code: websocket.StatusTryAgainLater, Reason: "slow client"}) {
			t.Errorf("got end %v", end)
		}
		for _, m := range messages {
			if len(m) != 3000 {
				t.Errorf("got a message of %d bytes, want 3000", len(m))
			}
		}
		if got := kit.Receive(t, ends, "OnClose"); got != "stalled true" {
			t.Errorf("got %q", got)
		}
	})
}

// One write may take Limits.Write. A client that is slow, but within that, is no slow client.
func TestSlowWrite(t *testing.T) {
	for _, test := range []struct {
		name string
		each time.Duration // between two bytes that the client reads
		slow bool
	}{
		{"slow", 2 * time.Second, true},
		{"not that slow", 90 * time.Millisecond, false},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			ends := make(chan string, 1)
			limits := wsgate.Limits{Ping: time.Hour} // which this client does not answer
			app := kit.NewApp(t, &wsgate.Options{Limits: limits}, kit.RouteTo("/ws", slowGateway(ends)))
			c := kit.DialRaw(t, app, "/ws?name=it")
			synctest.Wait()
			begun := time.Now()
			for range 20 { // one write each, as the client reads on
				app.Hub().Send(wsgate.Text(strings.Repeat("x", 98)))
				for range 100 {
					c.SetReadDeadline(time.Now().Add(kit.Patience))
					if _, err := c.Read(make([]byte, 1)); err != nil {
						if took := time.Since(begun); !test.slow || took > 12*time.Second {
							t.Errorf("cut after %v: %v", took, err)
						}
						if got := kit.Receive(t, ends, "OnClose"); got != "it true" {
							t.Errorf("got %q", got)
						}
						return
					}
					wstest.Pass(test.each)
				}
			}
			if test.slow {
				t.Error("the client was not disconnected")
			}
		})
	}
}

// On a real socket the memory for a client that does not read is bounded as well, and sending never waits.
func TestSlowClientOnSocket(t *testing.T) {
	ends := make(chan string, 2)
	app := kit.NewApp(t, nil, kit.RouteTo("/ws", slowGateway(ends)))
	addr := kit.OverTCP(t, app)
	healthy := kit.DialTCP(t, addr, "/ws?name=healthy")
	healthy.Say("x")
	healthy.Hears("x")
	c := kit.DialTCP(t, addr, "/ws?name=stalled")
	c.Say("x")
	c.Hears("x") // it is open; from here on it does not read
	message := wsgate.Text(strings.Repeat("x", 64<<10-10))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for sent := 0; ; sent++ {
		if sent > 10000 {
			t.Fatal("640 MB went somewhere")
		}
		app.Hub().Send(message)
		healthy.Hear()
		if app.Hub().At("/ws").Room("room").Len() == 0 || len(ends) > 0 || closing(app, "stalled") {
			break
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("the heap has grown by %d KiB, want at most 1 MiB and what is around it", grown>>10)
	}
	messages, end := c.Rest()
	if end.Code != websocket.StatusTryAgainLater {
		t.Errorf("got end %v", end)
	}
	if len(messages) == 0 {
		t.Error("got nothing")
	}
	if got := kit.Receive(t, ends, "OnClose"); got != "stalled true" {
		t.Errorf("got %q", got)
	}
	healthy.Say("still here")
	healthy.Hears("still here")
}

// A client that was slow for a moment, so that a write had to wait for its socket, is well later on.
func TestSlowForAMoment(t *testing.T) {
	const write = 2 * time.Second
	ends := make(chan string, 1)
	app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Write: write, QueueBytes: 64 << 20}}, kit.RouteTo("/ws", slowGateway(ends)))
	c := kit.DialTCP(t, kit.OverTCP(t, app), "/ws")
	c.Say("x")
	c.Hears("x")
	large := strings.Repeat("x", 1<<20)
	for range 16 { // more than a socket holds
		app.Hub().Send(wsgate.Text(large))
	}
	for range 16 {
		if len(c.Hear()) != len(large) {
			t.FailNow()
		}
	}
	<-time.After(write + write/10) // the time for that write is over
	app.Hub().Send(wsgate.Text("still here"))
	c.Hears("still here")
}

// closing reports whether the connection with that name takes no messages any more.
func closing(app *kit.App, name string) bool {
	for c := range app.Hub().Conns() {
		if c.(*kit.Conn).Data.Name == name {
			return errors.Is(c.Send(wsgate.Text("")), wsgate.ErrClosed)
		}
	}
	return true
}

// What a handler sends in one go does not make a slow client of one that reads, as long as the socket takes it.
func TestFastSenderOnSocket(t *testing.T) {
	const many = 5000
	g := &kit.MessageGateway{Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
		for range many {
			if err := c.Send(m); err != nil {
				return err
			}
		}
		return nil
	}}
	c := kit.DialTCP(t, kit.OverTCP(t, kit.NewApp(t, nil, kit.RouteTo("/ws", g))), "/ws")
	go c.Say("x")
	for range many {
		if c.Hear(); t.Failed() {
			return
		}
	}
}

// A message that can never fit is refused and does not close the connection.
func TestMessageLargerThanTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ends := make(chan string, 1)
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{QueueBytes: 1000}}, kit.RouteTo("/ws", slowGateway(ends)))
		c := kit.Dial(t, app, "/ws")
		synctest.Wait()
		large := wsgate.Text(strings.Repeat("x", 1000))
		room := app.Hub().At("/ws")
		for _, to := range []wsgate.Target{app.Hub(), room, room.Room("room")} {
			if err := to.Send(large); !errors.Is(err, wsgate.ErrLimit) {
				t.Errorf("%T: %v, want ErrLimit", to, err)
			}
		}
		for conn := range app.Hub().Conns() {
			if err := conn.Send(large); !errors.Is(err, wsgate.ErrLimit) {
				t.Errorf("got %v, want ErrLimit", err)
			}
		}
		app.Hub().Send(wsgate.Text("small"))
		c.Hears("small")
	})
}
