package transport_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

// stall connects clients that read nothing, and returns the server's ends.
func stall(t *testing.T, app *kit.App, names ...string) map[string]*kit.Conn {
	t.Helper()
	for _, name := range names {
		kit.DialRaw(t, app, "/ws?name="+name)
	}
	synctest.Wait()
	conns := map[string]*kit.Conn{}
	for c := range app.Hub().Conns() {
		conns[c.(*kit.Conn).Data.Name] = c.(*kit.Conn)
	}
	return conns
}

// Past Limits.TotalQueueBytes the clients with the longest queues are disconnected, and no others; what they held is free
// for the next.
func TestTotalQueueBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ends := make(chan string, 10)
		g := &kit.MessageGateway{Hooks: kit.Hooks{Close: func(_ context.Context, c *kit.Conn, err error) {
			if err != nil {
				if !errors.Is(err, wsgate.ErrSlowClient) || !strings.Contains(err.Error(), "all queues together") {
					t.Errorf("%s ended with %v", c.Data.Name, err)
				}
				ends <- c.Data.Name
			}
		}}}
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{TotalQueueBytes: 1 << 20, Write: time.Hour, Ping: time.Hour}}, kit.RouteTo("/ws", g))
		kib := wsgate.Text(strings.Repeat("x", 1000))
		for range 3 { // it is the same again when they are gone
			conns := stall(t, app, "little", "much", "more")
			for name, n := range map[string]int{"little": 100, "much": 300, "more": 350} {
				for range n {
					if err := conns[name].Send(kib); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				}
			}
			synctest.Wait()
			if n := app.Hub().Len(); n != 3 || len(ends) > 0 {
				t.Fatalf("%d connections are left, want 3", n)
			}
			for range 200 { // the sum grows by "little"
				if err := conns["little"].Send(kib); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			wstest.Pass(10 * time.Second)
			if got := kit.Receive(t, ends, "an OnClose"); got != "more" || len(ends) > 0 {
				t.Errorf("%q was disconnected, and %d others, want only the one with the most", got, len(ends))
			}
			for _, name := range []string{"little", "much"} {
				if err := conns[name].Send(kib); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				conns[name].Close(1000, "")
			}
			wstest.Pass(2 * time.Hour)
			if n := app.Hub().Len(); n != 0 {
				t.Fatalf("%d connections are left", n)
			}
			for len(ends) > 0 { // these had their time to read
				<-ends
			}
		}
	})
}

// A message that waits for many counts once.
func TestTotalQueueBytesOfOneMessageForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, ends := endsOf(t)
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{TotalQueueBytes: 4 << 20, Write: time.Hour, Ping: time.Hour}}, kit.RouteTo("/ws", g))
		for range 50 {
			kit.DialRaw(t, app, "/ws")
		}
		synctest.Wait()
		for range 900 { // 45 MB if each had them, and 2.3 MB with the places in the queues
			app.Hub().Send(wsgate.Text(strings.Repeat("x", 1000)))
		}
		wstest.Pass(time.Minute) // enough for the end of who was given up
		if n := app.Hub().Len(); n != 50 || len(ends) > 0 {
			t.Errorf("%d connections are left of 50", n)
		}
	})
}

// However fast it is sent, the bound holds.
func TestTotalQueueBytesHolds(t *testing.T) {
	const bound = 2 << 20
	synctest.Test(t, func(t *testing.T) {
		g, ends := endsOf(t)
		app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{TotalQueueBytes: bound, Write: time.Hour, Ping: time.Hour}}, kit.RouteTo("/ws", g))
		names := strings.Split("abcdefghijklmnopqrstuvwxyz", "")
		conns := stall(t, app, names...)
		waiting := map[string]int{}
		message := wsgate.Text(strings.Repeat("x", 10_000))
		for range 100 {
			for _, name := range names {
				if conns[name].Send(message) == nil {
					waiting[name] += len(message.Data)
				} else {
					delete(waiting, name)
				}
			}
		}
		synctest.Wait()
		sum := 0
		for _, name := range names {
			if conns[name].Send(wsgate.Text("")) == nil {
				sum += waiting[name]
			}
		}
		if sum > bound || sum < bound/4 {
			t.Errorf("%d bytes wait, want at most %d and not much less", sum, bound)
		}
		wstest.Pass(time.Minute)
		if len(ends) == 0 || len(ends) == len(names) {
			t.Errorf("%d of %d clients were disconnected", len(ends), len(names))
		}
	})
}

// A client that reads is not disconnected for those that do not.
func TestTotalQueueBytesSparesReaders(t *testing.T) {
	ends := make(chan string, 30)
	app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{TotalQueueBytes: 1 << 20, Close: time.Second}}, kit.RouteTo("/ws", slowGateway(ends)))
	addr := kit.OverTCP(t, app)
	healthy := kit.DialTCP(t, addr, "/ws?name=healthy")
	healthy.Say("x")
	healthy.Hears("x")
	for range 10 {
		kit.DialRawTCP(t, addr, "/ws?name=stalled")
	}
	for app.Hub().At("/ws").Room("room").Len() < 11 {
		<-time.After(time.Millisecond)
	}
	message := wsgate.Text(strings.Repeat("x", 60_000))
	for range 200 { // more than the kernel takes
		for c := range app.Hub().Conns() { // each has its own copy
			c.Send(message)
		}
		healthy.Hear()
	}
	healthy.Say("still here")
	healthy.Hears("still here")
	for first := true; first || len(ends) > 0; first = false {
		if got := kit.Receive(t, ends, "an OnClose"); got != "stalled true" {
			t.Errorf("got end %q", got)
		}
	}
}
