package transport_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
)

// On a socket the close frame arrives as well, also if the client has sent more than anybody has read.
func TestCloseFrameArrivesOverSocket(t *testing.T) {
	more := bytes.Repeat(wire.Masked(wire.Text, []byte("ignored")), 5000)
	tests := []struct {
		name string
		send []byte
		want string
	}{
		{"peer closes", kit.CloseFrame(1000, "bye"), "close 1000 bye"},
		{"peer closes with a code of its own", kit.CloseFrame(4321, ""), "close 4321 "},
		{"handler panics", wire.Masked(wire.Text, []byte("panic")), "close 1011 internal error"},
		{"handler closes", wire.Masked(wire.Text, []byte("close")), "close 4000 enough"},
		{"unmasked frame", []byte{wire.Text, 1, 'x'}, "close 1002 unmasked frame"},
		{"message too big", wire.Masked(wire.Text, make([]byte, 1001)), "close 1009 message over 1000 bytes"},
		{"not UTF-8", wire.Masked(wire.Text, []byte("\xff")), "close 1007 text is not UTF-8"},
	}
	for _, test := range tests {
		for _, tail := range [][]byte{nil, more} {
			t.Run(fmt.Sprintf("%s, %d bytes behind it", test.name, len(tail)), func(t *testing.T) {
				ends := make(chan error, 2)
				g := &kit.MessageGateway{
					Hooks: kit.Hooks{Close: func(_ context.Context, _ *kit.Conn, err error) { ends <- err }},
					Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
						switch string(m.Data) {
						case "panic":
							panic("oh")
						case "close":
							return websocket.CloseError{Code: 4000, Reason: "enough"}
						}
						return c.Send(m)
					},
				}
				app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{Message: 1000}}, kit.RouteTo("/ws", g))
				c := kit.DialRawTCP(t, kit.OverTCP(t, app), "/ws", wire.Masked(wire.Text, []byte("early")))
				go c.Write(append(slices.Clone(test.send), tail...))
				var frames []string
				for {
					first, payload, err := c.Frame()
					if err != nil {
						t.Fatalf("got %q and then %v, want %q", frames, err, test.want)
					}
					if frames = append(frames, kit.Describe(first, payload)); first == wire.Closing {
						break
					}
				}
				if want := []string{"text early", test.want}; !slices.Equal(frames, want) {
					t.Errorf("got %q, want %q", frames, want)
				}
				c.Close()
				kit.Receive(t, ends, "OnClose")
				if err := app.End(); err != nil || len(ends) > 0 {
					t.Errorf("Shutdown: %v, OnClose ran %d times more", err, len(ends))
				}
			})
		}
	}
}

// Closing a socket with unread input resets it, and a reset throws away what the client has not read yet: the reason for
// which it was thrown out.
func TestNoResetOvertakesTheCloseFrame(t *testing.T) {
	proceed, ends := make(chan struct{}), make(chan error, 1)
	g := &kit.MessageGateway{
		Hooks:   kit.Hooks{Close: func(_ context.Context, _ *kit.Conn, err error) { ends <- err }},
		Message: func(context.Context, *kit.Conn, wsgate.Message) error { <-proceed; return nil },
	}
	unmasked := []byte{wire.Text, 1, 'x'}
	more := bytes.Repeat(wire.Masked(wire.Text, []byte("ignored")), 5000)
	c := kit.DialRawTCP(t, kit.OverTCP(t, kit.NewApp(t, nil, kit.RouteTo("/ws", g))), "/ws", wire.Masked(wire.Text, nil))
	c.Put(unmasked, more) // all of it is on its way before the server looks at it
	close(proceed)
	kit.Receive(t, ends, "OnClose")
	if first, payload, err := c.Frame(); err != nil || kit.Describe(first, payload) != "close 1002 unmasked frame" {
		t.Errorf("got %q, %v, want the close frame", kit.Describe(first, payload), err)
	}
}

// Frames that come with the handshake, in one piece or byte by byte, are the same messages.
func TestAnySplitIsTheSame(t *testing.T) {
	frames := bytes.Join([][]byte{
		wire.Masked(wire.Text, []byte("one")), wire.Masked(0x01, []byte("t")), wire.Masked(wire.Ping, []byte("p")), wire.Masked(0x80, []byte("wo")),
		wire.Masked(wire.Binary, bytes.Repeat([]byte("3"), 300)), wire.Masked(wire.Text, nil), kit.CloseFrame(1000, ""),
	}, nil)
	want := []string{"text one", "pong p", "text two", "binary " + strings.Repeat("3", 300), "text ", "close 1000 "}
	app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{}))
	addr := kit.OverTCP(t, app)
	check := func(t *testing.T, c *kit.RawClient) {
		t.Helper()
		got := c.Gone(kit.Patience)
		// A pong goes through the same queue, but when is the parser's business.
		sort := func(s []string) []string {
			return append(slices.DeleteFunc(slices.Clone(s), func(f string) bool { return f == "pong p" }), "pong p")
		}
		if !slices.Equal(sort(got), sort(want)) || !slices.Contains(got, "pong p") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	check(t, kit.DialRawTCP(t, addr, "/ws", frames))
	for cut := range len(frames) {
		c := kit.DialRaw(t, app, "/ws")
		go func() {
			c.SetWriteDeadline(time.Now().Add(kit.Patience))
			c.Write(frames[:cut])
			c.Write(frames[cut:])
		}()
		check(t, c)
	}
	c := kit.DialRaw(t, app, "/ws")
	go func() {
		c.SetWriteDeadline(time.Now().Add(kit.Patience))
		for i := range frames {
			c.Write(frames[i : i+1])
		}
	}()
	check(t, c)
}

// A message is its handler's for ever: what arrives later does not change it.
func TestMessagesMayBeKept(t *testing.T) {
	const count = 400
	var kept []wsgate.Message
	app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
		if kept = append(kept, m); len(kept) == count {
			return c.Send(wsgate.Text("all"))
		}
		return nil
	}}))
	c := kit.DialRawTCP(t, kit.OverTCP(t, app), "/ws")
	for i := range count {
		c.Put(wire.Masked(wire.Text, []byte(strings.Repeat(strconv.Itoa(i), 50))))
	}
	if _, payload, err := c.ReadFrame(); err != nil || string(payload) != "all" {
		t.Fatalf("got %q, %v", payload, err)
	}
	for i, m := range kept {
		if string(m.Data) != strings.Repeat(strconv.Itoa(i), 50) {
			t.Fatalf("message %d is %q now", i, m.Data)
		}
	}
}

// A test may look at what its server did before it answered, whether that left in one piece or in several: to the race
// detector the one happens before the other.
func TestAnswersSynchronise(t *testing.T) {
	large := wsgate.Text(strings.Repeat("x", 4<<10)) // is written in place
	for _, frames := range []int{1, 3} {
		t.Run(strconv.Itoa(frames), func(t *testing.T) {
			did := false
			app := kit.NewApp(t, nil, kit.RouteTo("/ws", &kit.MessageGateway{Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
				if string(m.Data) != "ask" {
					return nil
				}
				did = true
				for range frames {
					if err := c.Send(large); err != nil {
						return err
					}
				}
				return nil
			}}))
			c := kit.DialRawTCP(t, kit.OverTCP(t, app), "/ws")
			ask, more := wire.Masked(wire.Text, []byte("ask")), wire.Masked(wire.Text, []byte("more"))
			c.Put(append(ask, more...)) // so that the answers are held, and leave together
			for range frames {
				if _, payload, err := c.ReadFrame(); err != nil || len(payload) != 4<<10 {
					t.Fatalf("got %d bytes, %v", len(payload), err)
				}
			}
			if !did {
				t.Error("it answered before it did it")
			}
		})
	}
}

// Many senders to many receivers: each receiver gets everything once, and each sender's in order.
func TestBroadcastToMany(t *testing.T) {
	const receivers, senders, each = 140, 3, 20
	for _, transport := range kit.Carriers[:2] {
		t.Run(transport.Name, func(t *testing.T) {
			opened := make(chan struct{}, receivers)
			g := &kit.MessageGateway{
				Hooks: kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error {
					defer func() { opened <- struct{}{} }()
					return c.Join("even", "all")
				}},
				Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
					return c.Room("all").Send(m) // a sender by its own handler
				},
			}
			app := kit.NewApp(t, &wsgate.Options{Limits: wsgate.Limits{QueueMessages: senders * each * 2}}, kit.RouteTo("/ws", g))
			connect := transport.Connect(t, app)
			var reading sync.WaitGroup
			var talker *kit.Client
			for range receivers {
				c := connect("/ws")
				talker = c
				reading.Go(func() {
					next := [senders + 1]int{}
					for range (senders + 1) * each {
						from, number, _ := strings.Cut(c.Hear(), " ")
						sender, err := strconv.Atoi(from)
						if n, err2 := strconv.Atoi(number); err != nil || err2 != nil || n != next[sender] {
							t.Errorf("got %q from sender %q, want %d", number, from, next[sender])
							return
						}
						next[sender]++
					}
				})
			}
			for range receivers {
				kit.Receive(t, opened, "OnOpen")
			}
			var sending sync.WaitGroup
			for sender := range senders {
				sending.Go(func() {
					for n := range each {
						to := app.Hub().At("/ws").Room("all")
						if n%2 == 0 {
							to = app.Hub().At("/ws").Room("even")
						}
						if err := to.Send(wsgate.Text(fmt.Sprint(sender, n))); err != nil {
							t.Errorf("Send: %v", err)
						}
					}
				})
			}
			sending.Go(func() {
				for n := range each {
					talker.Say(fmt.Sprint(senders, n))
				}
			})
			sending.Wait()
			reading.Wait()
			if n := app.Hub().Len(); n != receivers {
				t.Errorf("%d connections are left of %d", n, receivers)
			}
		})
	}
}

// App.Handle and HTTP middleware see ordinary requests and upgrades.
func TestOrdinaryHTTPBesideGateways(t *testing.T) {
	var seen kit.Journal
	wrap := func(name string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen.Add("%s %s", name, r.URL.Path)
				next.ServeHTTP(w, r)
			})
		}
	}
	app := kit.NewApp(t, &wsgate.Options{HTTP: []any{wrap("A"), wrap("B")}}, kit.RouteTo("/ws", &kit.MessageGateway{}))
	if err := app.Handle("GET /health", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })); err != nil {
		t.Fatal(err)
	}
	if err := app.Handle("GET /health", http.NotFoundHandler()); err == nil {
		t.Error("a pattern that is taken is taken again")
	}
	if err := app.Handle("/ws", http.NotFoundHandler()); err == nil {
		t.Error("a gateway's path is taken again")
	}
	addr := kit.OverTCP(t, app)
	c := kit.DialTCP(t, addr, "/ws")
	c.Say("x")
	c.Hears("x")
	c.CloseNow()
	resp, err := http.Get("http://" + addr + "/health")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Errorf("got status %d", resp.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
	seen.Want(t, "A /ws", "B /ws", "A /health", "B /health")
}
