package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

const noted wsgate.Event[int] = "noted"

// The hooks of a connection use its Data without a lock, as the race detector confirms, while other goroutines do to
// the connection whatever they may.
func TestHooksOfOneConnectionNeverOverlap(t *testing.T) {
	const clients, messages = 8, 60
	for _, transport := range kit.Carriers {
		t.Run(transport.Name, func(t *testing.T) {
			closed := make(chan []string, clients)
			var inside, overlaps atomic.Int64
			g := &kit.MessageGateway{
				Hooks: kit.Hooks{
					Open: func(_ context.Context, c *kit.Conn) error {
						c.Data.Notes = append(c.Data.Notes, "open")
						return c.Join("all")
					},
					Close: func(_ context.Context, c *kit.Conn, err error) {
						c.Data.Notes = append(c.Data.Notes, "close")
						closed <- c.Data.Notes
					},
				},
				Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
					if c.Path() == "/alone" { // a single connection: nobody else may be inside
						if inside.Add(1) > 1 {
							overlaps.Add(1)
						}
						defer inside.Add(-1)
					}
					c.Data.Notes = append(c.Data.Notes, string(m.Data))
					return c.Send(m)
				},
			}
			app := kit.NewApp(t, nil, kit.RouteTo("/ws", g), kit.RouteTo("/alone", g))
			connect := transport.Connect(t, app)
			want := []string{"open"}
			for i := range messages {
				want = append(want, strconv.Itoa(i))
			}
			var wg sync.WaitGroup
			stop := make(chan struct{})
			wg.Go(func() { // others do what they may
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					for c := range app.Hub().Conns() {
						c.Join("other", strconv.Itoa(n%8))
						c.Leave(strconv.Itoa((n + 3) % 8))
						c.Rooms()
						c.All().Except(c).Len()
					}
				}
			})
			var talking sync.WaitGroup
			for n := range clients {
				path := "/ws"
				if n == 0 {
					path = "/alone"
				}
				c := connect(path)
				talking.Go(func() {
					for i := range messages {
						c.Say(strconv.Itoa(i))
					}
				})
				talking.Go(func() {
					c.Hears(want[1:]...)
					c.Close(websocket.StatusNormalClosure, "")
				})
			}
			talking.Wait()
			close(stop)
			wg.Wait()
			for range clients {
				if got := kit.Receive(t, closed, "OnClose"); !slices.Equal(got, append(slices.Clone(want), "close")) {
					t.Errorf("got hooks %q, want open, 0 to %d, close", got, messages-1)
				}
			}
			if n := overlaps.Load(); n > 0 {
				t.Errorf("%d messages were handled while another was", n)
			}
		})
	}
}

// Different connections do not wait for each other's handlers.
func TestConnectionsRunConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		meet := make(chan struct{})
		g := &kit.MessageGateway{Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
			if string(m.Data) == "wait" {
				<-meet
			} else {
				close(meet)
			}
			return c.Send(m)
		}}
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
		first, second := kit.Dial(t, app, "/ws"), kit.Dial(t, app, "/ws")
		first.Say("wait")
		synctest.Wait()
		second.Say("go")
		second.Hears("go")
		first.Hears("wait")
	})
}

func TestNothingIsHandledBeforeOnOpenReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var happened kit.Journal
		proceed := make(chan struct{})
		g := &kit.MessageGateway{
			Hooks: kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error {
				happened.Add("open begins")
				<-proceed
				happened.Add("open ends")
				return c.Send(wsgate.Text("welcome"))
			}},
			Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
				happened.Add("%s", m.Data)
				return c.Send(m)
			},
		}
		c := kit.Dial(t, kit.NewApp(t, nil, kit.RouteTo("/ws", g)), "/ws")
		go func() {
			for i := range 3 {
				c.Say(strconv.Itoa(i))
			}
		}()
		wstest.Pass(5 * time.Second)
		happened.Want(t, "open begins")
		close(proceed)
		c.Hears("welcome", "0", "1", "2")
		happened.Want(t, "open begins", "open ends", "0", "1", "2")
	})
}

func TestOnOpenFails(t *testing.T) {
	long := strings.Repeat("ü", 100) // 200 bytes
	tests := []struct {
		name   string
		open   func() error
		code   websocket.StatusCode
		reason string
		logged int
	}{
		{"error for the client", func() error { return wsgate.Errorf(wsgate.Denied, "members only") }, 1008, "members only", 0},
		{"wrapped", func() error { return fmt.Errorf("opening: %w", wsgate.Errorf(wsgate.Denied, "members only")) }, 1008, "members only", 0},
		{"long message", func() error { return wsgate.Errorf(wsgate.Denied, "%s", long) }, 1008, long[:122], 0},
		{"error that passes", func() error { return wsgate.Errorf(wsgate.Unavailable, "no database") }, 1013, "no database", 0},
		{"another that passes", func() error { return wsgate.Errorf(wsgate.RateLimited, "slowly") }, 1013, "slowly", 0},
		{"error of the server's", func() error { return wsgate.Errorf(wsgate.Internal, "so sorry") }, 1011, "so sorry", 0},
		{"close error", func() error { return websocket.CloseError{Code: 4001, Reason: "moved"} }, 4001, "moved", 0},
		{"close error, normal", func() error { return websocket.CloseError{Code: 1000} }, 1000, "", 0},
		{"wrapped close error", func() error { return fmt.Errorf("no: %w", websocket.CloseError{Code: 4001, Reason: "moved"}) }, 4001, "moved", 0},
		{"other error", func() error { return errors.New("secret") }, 1011, "internal error", 1},
		{"no error of the right type", func() error { return (*wsgate.Error)(nil) }, 1011, "internal error", 1},
		{"panic", func() error { panic("secret") }, 1011, "internal error", 1},
	}
	for _, test := range tests {
		kit.Bubble(t, test.name, func(t *testing.T) {
			var happened kit.Journal
			g := &kit.MessageGateway{
				Hooks: kit.Hooks{
					Open: func(_ context.Context, c *kit.Conn) error {
						c.Join("room")
						c.Send(wsgate.Text("before"))
						return test.open()
					},
					Close: func(context.Context, *kit.Conn, error) { happened.Add("close") },
				},
				Message: func(context.Context, *kit.Conn, wsgate.Message) error { happened.Add("message"); return nil },
			}
			app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
			c := kit.Dial(t, app, "/ws")
			go c.Write(context.Background(), websocket.MessageText, []byte("early"))
			c.Hears("before")
			c.Closed(test.code, test.reason)
			synctest.Wait()
			happened.Want(t)
			if n, m := app.Hub().Len(), app.Hub().At("/ws").Room("room").Len(); n+m != 0 {
				t.Errorf("%d connections are left, %d in the room", n, m)
			}
			if got := len(app.Log.With("ERROR", "OnOpen")); got != test.logged {
				t.Errorf("logged %d times, want %d: %q", got, test.logged, app.Log.With())
			}
		})
	}
}

// What one goroutine sends to one connection arrives in the order in which it was sent, whichever way it was
// addressed.
func TestSendsArriveInOrder(t *testing.T) {
	const rounds = 40
	var want []string
	for i := range rounds * 8 {
		want = append(want, fmt.Sprintf(`{"type":"noted","data":%d}`, i))
	}
	for _, transport := range kit.Carriers {
		for _, from := range []string{"handler", "goroutine"} {
			t.Run(transport.Name+" from a "+from, func(t *testing.T) {
				var app *kit.App
				speak := func(c *kit.Conn) error {
					hub := app.Hub()
					n := 0
					for range rounds {
						for _, to := range []wsgate.Target{
							c, c.Room("a"), hub.At("/ws").Room("b"), c.All(), hub, hub.At("/ws"), c.Room("a"), c,
						} {
							var err error
							if n%2 == 0 {
								err = noted.Emit(to, n)
							} else {
								err = to.Send(wsgate.Text(want[n]))
							}
							if err != nil {
								return err
							}
							n++
						}
					}
					return nil
				}
				g := &kit.MessageGateway{Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
					if err := c.Join("a", "b"); err != nil {
						return err
					}
					if from == "handler" {
						return speak(c)
					}
					done := make(chan error)
					go func() { done <- speak(c) }()
					return <-done
				}}
				app = kit.NewApp(t, nil, kit.RouteTo("/ws", g))
				c := transport.Connect(t, app)("/ws")
				c.Say("go")
				c.Hears(want...)
			})
		}
	}
}

// A message that was sent is copied, and one that was received stays as it is however long a handler keeps it.
func TestDataOfMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept [][]byte
		g := &kit.MessageGateway{Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
			kept = append(kept, m.Data)
			buf := slices.Clone(m.Data)
			for _, to := range []wsgate.Target{c, c.All(), c.Room("nobody")} {
				to.Send(wsgate.Message{Type: m.Type, Data: buf})
			}
			clear(buf)
			return nil
		}}
		c := kit.DialRaw(t, kit.NewApp(t, nil, kit.RouteTo("/ws", g)), "/ws")
		var now, sent []string
		for i := range 50 {
			text := strings.Repeat(string(rune('a'+i%26)), 1+i*200) // both sides of every buffer's size
			c.Put(wire.Masked(wire.Text, []byte(text)))
			sent = append(sent, text)
			for range 2 {
				first, payload, err := c.Frame()
				if err != nil {
					t.Fatal(err)
				}
				if got := kit.Describe(first, payload); got != "text "+text {
					t.Errorf("got %.50q, want %.50q", got, text)
				}
			}
		}
		synctest.Wait()
		for _, data := range kept {
			now = append(now, string(data))
		}
		if !slices.Equal(now, sent) {
			t.Error("a message that a handler kept has changed")
		}
	})
}
