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
	"github.com/wsgate/wsgate/wstest"
)

const noted wsgate.Event[int] = "noted"

// The hooks of a connection use its Data without a lock, as the race detector confirms, while other goroutines do to
// the connection whatever they may.
func TestHooksOfOneConnectionNeverOverlap(t *testing.T) {
	const clients, messages = 8, 60
	for _, transport := range transports {
		t.Run(transport.name, func(t *testing.T) {
			closed := make(chan []string, clients)
			var inside, overlaps atomic.Int64
			g := &messageGateway{
				testHooks: testHooks{
					open: func(_ context.Context, c *testConn) error {
						c.Data.notes = append(c.Data.notes, "open")
						return c.Join("all")
					},
					close: func(_ context.Context, c *testConn, err error) {
						c.Data.notes = append(c.Data.notes, "close")
						closed <- c.Data.notes
					},
				},
				message: func(_ context.Context, c *testConn, m wsgate.Message) error {
					if c.Path() == "/alone" { // a single connection: nobody else may be inside
						if inside.Add(1) > 1 {
							overlaps.Add(1)
						}
						defer inside.Add(-1)
					}
					c.Data.notes = append(c.Data.notes, string(m.Data))
					return c.Send(m)
				},
			}
			app := newApp(t, nil, routeTo("/ws", g), routeTo("/alone", g))
			connect := transport.connect(t, app)
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
						c.say(strconv.Itoa(i))
					}
				})
				talking.Go(func() {
					c.hears(want[1:]...)
					c.Close(websocket.StatusNormalClosure, "")
				})
			}
			talking.Wait()
			close(stop)
			wg.Wait()
			for range clients {
				if got := receive(t, closed, "OnClose"); !slices.Equal(got, append(slices.Clone(want), "close")) {
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
		g := &messageGateway{message: func(_ context.Context, c *testConn, m wsgate.Message) error {
			if string(m.Data) == "wait" {
				<-meet
			} else {
				close(meet)
			}
			return c.Send(m)
		}}
		app := newApp(t, nil, routeTo("/ws", g))
		first, second := dial(t, app, "/ws"), dial(t, app, "/ws")
		first.say("wait")
		synctest.Wait()
		second.say("go")
		second.hears("go")
		first.hears("wait")
	})
}

func TestNothingIsHandledBeforeOnOpenReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var happened journal
		proceed := make(chan struct{})
		g := &messageGateway{
			testHooks: testHooks{open: func(_ context.Context, c *testConn) error {
				happened.add("open begins")
				<-proceed
				happened.add("open ends")
				return c.Send(wsgate.Text("welcome"))
			}},
			message: func(_ context.Context, c *testConn, m wsgate.Message) error {
				happened.add("%s", m.Data)
				return c.Send(m)
			},
		}
		c := dial(t, newApp(t, nil, routeTo("/ws", g)), "/ws")
		go func() {
			for i := range 3 {
				c.say(strconv.Itoa(i))
			}
		}()
		wstest.Pass(5 * time.Second)
		happened.want(t, "open begins")
		close(proceed)
		c.hears("welcome", "0", "1", "2")
		happened.want(t, "open begins", "open ends", "0", "1", "2")
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
		bubble(t, test.name, func(t *testing.T) {
			var happened journal
			g := &messageGateway{
				testHooks: testHooks{
					open: func(_ context.Context, c *testConn) error {
						c.Join("room")
						c.Send(wsgate.Text("before"))
						return test.open()
					},
					close: func(context.Context, *testConn, error) { happened.add("close") },
				},
				message: func(context.Context, *testConn, wsgate.Message) error { happened.add("message"); return nil },
			}
			app := newApp(t, nil, routeTo("/ws", g))
			c := dial(t, app, "/ws")
			go c.Write(context.Background(), websocket.MessageText, []byte("early"))
			c.hears("before")
			c.closed(test.code, test.reason)
			synctest.Wait()
			happened.want(t)
			if n, m := app.Hub().Len(), app.Hub().At("/ws").Room("room").Len(); n+m != 0 {
				t.Errorf("%d connections are left, %d in the room", n, m)
			}
			if got := len(app.log.with("ERROR", "OnOpen")); got != test.logged {
				t.Errorf("logged %d times, want %d: %q", got, test.logged, app.log.with())
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
	for _, transport := range transports {
		for _, from := range []string{"handler", "goroutine"} {
			t.Run(transport.name+" from a "+from, func(t *testing.T) {
				var app *testApp
				speak := func(c *testConn) error {
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
				g := &messageGateway{message: func(_ context.Context, c *testConn, m wsgate.Message) error {
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
				app = newApp(t, nil, routeTo("/ws", g))
				c := transport.connect(t, app)("/ws")
				c.say("go")
				c.hears(want...)
			})
		}
	}
}

// A message that was sent is copied, and one that was received stays as it is however long a handler keeps it.
func TestDataOfMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept [][]byte
		g := &messageGateway{message: func(_ context.Context, c *testConn, m wsgate.Message) error {
			kept = append(kept, m.Data)
			buf := slices.Clone(m.Data)
			for _, to := range []wsgate.Target{c, c.All(), c.Room("nobody")} {
				to.Send(wsgate.Message{Type: m.Type, Data: buf})
			}
			clear(buf)
			return nil
		}}
		c := dialRaw(t, newApp(t, nil, routeTo("/ws", g)), "/ws")
		var now, sent []string
		for i := range 50 {
			text := strings.Repeat(string(rune('a'+i%26)), 1+i*200) // both sides of every buffer's size
			c.put(clientFrame(frameText, []byte(text)))
			sent = append(sent, text)
			for range 2 {
				first, payload, err := c.frame()
				if err != nil {
					t.Fatal(err)
				}
				if got := describe(first, payload); got != "text "+text {
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
