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
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// A connection may end while its OnOpen runs. OnOpen hears of it by its context, and what it returns decides whether
// there is an OnClose.
func TestEndWhileOpening(t *testing.T) {
	ends := []struct {
		name string
		end  func(app *kit.App, client *kit.RawClient, server *kit.Conn)
		want func(error) bool
	}{
		{"peer closes", func(_ *kit.App, client *kit.RawClient, _ *kit.Conn) { client.Put(kit.CloseFrame(4000, "bye")) }, kit.IsCloseError(4000, "bye")},
		{"peer is gone", func(_ *kit.App, client *kit.RawClient, _ *kit.Conn) { client.Close() }, func(err error) bool { return err != nil }},
		{"Close", func(_ *kit.App, _ *kit.RawClient, server *kit.Conn) { server.Close(1000, "") }, kit.IsNil},
		{"client is slow", func(_ *kit.App, _ *kit.RawClient, server *kit.Conn) {
			for server.Send(wsgate.Text(strings.Repeat("x", 1000))) == nil {
			}
		}, kit.IsError(wsgate.ErrSlowClient)},
		{"shutdown", func(app *kit.App, _ *kit.RawClient, _ *kit.Conn) { go app.End() }, kit.IsError(wsgate.ErrShutdown)},
	}
	for _, end := range ends {
		for _, fails := range []bool{false, true} {
			kit.Bubble(t, fmt.Sprintf("%s, OnOpen fails %t", end.name, fails), func(t *testing.T) {
				var happened kit.Journal
				servers := make(chan *kit.Conn, 1)
				g := &kit.MessageGateway{
					Hooks: kit.Hooks{
						Open: func(ctx context.Context, c *kit.Conn) error {
							servers <- c
							<-ctx.Done()
							happened.Add("ended")
							if fails {
								return fmt.Errorf("loading: %w", ctx.Err())
							}
							return nil
						},
						Close: func(_ context.Context, _ *kit.Conn, err error) { happened.Add("OnClose %t", end.want(err)) },
					},
					Message: func(context.Context, *kit.Conn, wsgate.Message) error { happened.Add("message"); return nil },
				}
				app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
				client := kit.DialRaw(t, app, "/ws")
				server := <-servers
				if fails { // else it would be handled, with a context that has ended
					client.Put(wire.Masked(wire.Text, []byte("early")))
				}
				wstest.Pass(time.Second)
				happened.Want(t)
				end.end(app, client, server)
				client.Gone(time.Minute)
				wstest.Pass(time.Minute)
				if fails {
					happened.Want(t, "ended")
				} else {
					happened.Want(t, "ended", "OnClose true")
				}
				if lines := app.Log.With(); len(lines) > 0 {
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
		g := &kit.MessageGateway{
			Hooks: kit.Hooks{
				Open: func(_ context.Context, c *kit.Conn) error { return c.Join("room") },
				Close: func(_ context.Context, c *kit.Conn, _ error) {
					for _, to := range []wsgate.Target{c.Room("room"), c.All(), c.Room("room").Except(c)} {
						if err := to.Send(wsgate.Text(c.Data.Name + " left")); err != nil {
							t.Errorf("Send: %v", err)
						}
					}
				},
			},
			Message: func(context.Context, *kit.Conn, wsgate.Message) error { panic("oh") },
		}
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
		stays := kit.Dial(t, app, "/ws?name=stays")
		for _, leave := range []func(c *kit.Client){
			func(c *kit.Client) { c.Close(websocket.StatusNormalClosure, "") },
			func(c *kit.Client) { c.CloseNow() },
			func(c *kit.Client) { c.Say("x"); c.Closed(websocket.StatusInternalError, "") },
		} {
			c := kit.Dial(t, app, "/ws?name=ann")
			synctest.Wait()
			leave(c)
			stays.Hears("ann left", "ann left", "ann left")
		}
	})
}

// What a hook may do to its own connection, and to the App, does not hang.
func TestHooksMayDoAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var app *kit.App
		var happened kit.Journal
		short := func(ctx context.Context) context.Context {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			context.AfterFunc(ctx, cancel)
			return ctx
		}
		g := &kit.MessageGateway{
			Hooks: kit.Hooks{
				Open: func(ctx context.Context, c *kit.Conn) error {
					c.Send(wsgate.Text("hello"))
					happened.Add("Flush in OnOpen: %v", c.Flush(short(ctx)))
					return nil
				},
				Close: func(ctx context.Context, c *kit.Conn, _ error) {
					c.Close(1000, "")
					happened.Add("Flush in OnClose: %v", c.Flush(short(ctx)))
					happened.Add("Join in OnClose: %v, %q", c.Join("late"), c.Rooms())
					c.Leave("late")
				},
			},
			Message: func(ctx context.Context, c *kit.Conn, m wsgate.Message) error {
				for conn := range app.Hub().Conns() { // also this one
					conn.Join("a")
					conn.Leave("a")
					conn.Close(4000, "everybody out")
				}
				happened.Add("Flush after Close: %v", c.Flush(short(ctx)))
				err := app.Shutdown(short(ctx))
				happened.Add("Shutdown waits for its own caller: %v", strings.Contains(fmt.Sprint(err), "its own caller"))
				return nil
			},
		}
		app = kit.NewApp(t, nil, kit.RouteTo("/ws", g))
		c := kit.Dial(t, app, "/ws")
		c.Hears("hello")
		go c.Say("x")
		c.Closed(4000, "everybody out")
		wstest.Pass(time.Minute)
		happened.Want(t, "Flush in OnOpen: <nil>", "Flush after Close: <nil>", "Shutdown waits for its own caller: true",
			"Flush in OnClose: <nil>", `Join in OnClose: <nil>, ["late"]`)
	})
}

// Two connections never have the same id, and a connection's own values are its own.
func TestDataIsPerConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &kit.MessageGateway{Message: func(_ context.Context, c *kit.Conn, m wsgate.Message) error {
			c.Data.Notes = append(c.Data.Notes, string(m.Data))
			return c.Send(wsgate.Text(c.Data.Name + ": " + strings.Join(c.Data.Notes, " ")))
		}}
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", g), kit.RouteTo("/same/gateway/again", g))
		names := []string{"ann", "bob", "cid"}
		clients := []*kit.Client{kit.Dial(t, app, "/ws?name=ann"), kit.Dial(t, app, "/ws?name=bob"), kit.Dial(t, app, "/same/gateway/again?name=cid")}
		for _, word := range []string{"one", "two"} {
			for i, c := range clients {
				c.Say(word + "-" + names[i])
			}
		}
		for i, c := range clients {
			c.Hears(fmt.Sprintf("%s: one-%[1]s", names[i]), fmt.Sprintf("%s: one-%[1]s two-%[1]s", names[i]))
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
