package wsgate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// A connection may end while its OnOpen runs. OnOpen hears of it by its context, and what it returns decides whether
// there is an OnClose.
func TestEndWhileOpening(t *testing.T) {
	ends := []struct {
		name string
		end  func(app *testApp, client *rawClient, server *testConn)
		want func(error) bool
	}{
		{"peer closes", func(_ *testApp, client *rawClient, _ *testConn) { client.put(closeFrame(4000, "bye")) }, isCloseError(4000, "bye")},
		{"peer is gone", func(_ *testApp, client *rawClient, _ *testConn) { client.Close() }, func(err error) bool { return err != nil }},
		{"Close", func(_ *testApp, _ *rawClient, server *testConn) { server.Close(1000, "") }, isNil},
		{"client is slow", func(_ *testApp, _ *rawClient, server *testConn) {
			for server.Send(wsgate.Text(strings.Repeat("x", 1000))) == nil {
			}
		}, isError(wsgate.ErrSlowClient)},
		{"shutdown", func(app *testApp, _ *rawClient, _ *testConn) { go app.shutdown() }, isError(wsgate.ErrShutdown)},
	}
	for _, end := range ends {
		for _, fails := range []bool{false, true} {
			bubble(t, fmt.Sprintf("%s, OnOpen fails %t", end.name, fails), func(t *testing.T) {
				var happened journal
				servers := make(chan *testConn, 1)
				g := &messageGateway{
					testHooks: testHooks{
						open: func(ctx context.Context, c *testConn) error {
							servers <- c
							<-ctx.Done()
							happened.add("ended")
							if fails {
								return fmt.Errorf("loading: %w", ctx.Err())
							}
							return nil
						},
						close: func(_ context.Context, _ *testConn, err error) { happened.add("OnClose %t", end.want(err)) },
					},
					message: func(context.Context, *testConn, wsgate.Message) error { happened.add("message"); return nil },
				}
				app := newApp(t, nil, routeTo("/ws", g))
				client := dialRaw(t, app, "/ws")
				server := <-servers
				if fails { // else it would be handled, with a context that has ended
					client.put(clientFrame(frameText, []byte("early")))
				}
				wstest.Pass(time.Second)
				happened.want(t)
				end.end(app, client, server)
				client.gone(time.Minute)
				wstest.Pass(time.Minute)
				if fails {
					happened.want(t, "ended")
				} else {
					happened.want(t, "ended", "OnClose true")
				}
				if lines := app.log.with(); len(lines) > 0 {
					t.Errorf("logged %q", lines)
				}
				if n := app.Hub().Len(); n > 0 {
					t.Errorf("%d connections are left", n)
				}
			})
		}
	}
}

// OnClose may say farewell to the room: the others hear it, the one that has ended does not.
func TestFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &messageGateway{
			testHooks: testHooks{
				open: func(_ context.Context, c *testConn) error { return c.Join("room") },
				close: func(_ context.Context, c *testConn, _ error) {
					for _, to := range []wsgate.Target{c.Room("room"), c.All(), c.Room("room").Except(c)} {
						if err := to.Send(wsgate.Text(c.Data.name + " left")); err != nil {
							t.Errorf("Send: %v", err)
						}
					}
				},
			},
			message: func(context.Context, *testConn, wsgate.Message) error { panic("oh") },
		}
		app := newApp(t, nil, routeTo("/ws", g))
		stays := dial(t, app, "/ws?name=stays")
		for _, leave := range []func(c *testClient){
			func(c *testClient) { c.Close(websocket.StatusNormalClosure, "") },
			func(c *testClient) { c.CloseNow() },
			func(c *testClient) { c.say("x"); c.closed(websocket.StatusInternalError, "") },
		} {
			c := dial(t, app, "/ws?name=ann")
			synctest.Wait()
			leave(c)
			stays.hears("ann left", "ann left", "ann left")
		}
	})
}

// What a hook may do to its own connection, and to the App, does not hang.
func TestHooksMayDoAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var app *testApp
		var happened journal
		short := func(ctx context.Context) context.Context {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			context.AfterFunc(ctx, cancel)
			return ctx
		}
		g := &messageGateway{
			testHooks: testHooks{
				open: func(ctx context.Context, c *testConn) error {
					c.Send(wsgate.Text("hello"))
					happened.add("Flush in OnOpen: %v", c.Flush(short(ctx)))
					return nil
				},
				close: func(ctx context.Context, c *testConn, _ error) {
					c.Close(1000, "")
					happened.add("Flush in OnClose: %v", c.Flush(short(ctx)))
					happened.add("Join in OnClose: %v, %q", c.Join("late"), c.Rooms())
					c.Leave("late")
				},
			},
			message: func(ctx context.Context, c *testConn, m wsgate.Message) error {
				for conn := range app.Hub().Conns() { // also this one
					conn.Join("a")
					conn.Leave("a")
					conn.Close(4000, "everybody out")
				}
				happened.add("Flush after Close: %v", c.Flush(short(ctx)))
				err := app.Shutdown(short(ctx))
				happened.add("Shutdown waits for its own caller: %v", strings.Contains(fmt.Sprint(err), "its own caller"))
				return nil
			},
		}
		app = newApp(t, nil, routeTo("/ws", g))
		c := dial(t, app, "/ws")
		c.hears("hello")
		go c.say("x")
		c.closed(4000, "everybody out")
		wstest.Pass(time.Minute)
		happened.want(t, "Flush in OnOpen: <nil>", "Flush after Close: <nil>", "Shutdown waits for its own caller: true",
			"Flush in OnClose: <nil>", `Join in OnClose: <nil>, ["late"]`)
	})
}

// Two connections never have the same id, and a connection's own values are its own.
func TestDataIsPerConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &messageGateway{message: func(_ context.Context, c *testConn, m wsgate.Message) error {
			c.Data.notes = append(c.Data.notes, string(m.Data))
			return c.Send(wsgate.Text(c.Data.name + ": " + strings.Join(c.Data.notes, " ")))
		}}
		app := newApp(t, nil, routeTo("/ws", g), routeTo("/same/gateway/again", g))
		names := []string{"ann", "bob", "cid"}
		clients := []*testClient{dial(t, app, "/ws?name=ann"), dial(t, app, "/ws?name=bob"), dial(t, app, "/same/gateway/again?name=cid")}
		for _, word := range []string{"one", "two"} {
			for i, c := range clients {
				c.say(word + "-" + names[i])
			}
		}
		for i, c := range clients {
			c.hears(fmt.Sprintf("%s: one-%[1]s", names[i]), fmt.Sprintf("%s: one-%[1]s two-%[1]s", names[i]))
		}
		var ids []string
		for c := range app.Hub().Conns() {
			ids = append(ids, c.ID())
		}
		slices.Sort(ids)
		if len(slices.Compact(ids)) != 3 {
			t.Errorf("got ids %q, want three", ids)
		}
	})
}
