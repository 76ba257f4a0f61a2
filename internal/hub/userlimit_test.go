package hub_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// tab is one of a user's connections. Its name says what its hooks do.
type tab struct{ user, name string }

func (d tab) UserID() string { return d.user }

type tabConn = wsgate.Conn[tab]

// tabs is a gateway whose hooks wait for ever, or refuse, where a connection's name says so.
type tabs struct {
	release chan struct{}
	causes  chan error // of OnClose, if not nil
}

func (g *tabs) OnUpgrade(r *http.Request) (tab, error) {
	return tab{r.FormValue("user"), r.FormValue("name")}, nil
}

func (g *tabs) OnOpen(ctx context.Context, c *tabConn) error {
	switch c.Data.name {
	case "refused":
		return wsgate.Errorf(wsgate.Denied, "not you")
	case "closes itself":
		c.Close(4000, "")
	case "opens slowly":
		select {
		case <-ctx.Done():
		case <-g.release:
		}
	}
	return nil
}

func (g *tabs) OnMessage(ctx context.Context, c *tabConn, m wsgate.Message) error {
	if c.Data.name == "handles slowly" {
		<-g.release
		return nil
	}
	return c.Send(m)
}

func (g *tabs) OnClose(ctx context.Context, c *tabConn, err error) {
	if g.causes != nil {
		g.causes <- err
	}
	if c.Data.name == "closes slowly" {
		<-g.release
	}
}

func startTabs(t *testing.T, most int, oldest bool) (*wstest.App, *tabs) {
	g := &tabs{release: make(chan struct{})}
	app := wstest.New(t, &wsgate.Module{Gateways: []wsgate.Route{kit.RouteTo("/ws", g)}},
		wstest.With(&wsgate.Options{Limits: wsgate.Limits{UserConnections: most}, CloseOldest: oldest}))
	t.Cleanup(func() { close(g.release) }) // before the App stops
	return app, g
}

func target(name string) string { return "/ws?user=ann&name=" + name }

// A client that never answers close frames holds no more than the newest and the one before it.
func TestReplacedClientDoesNotAnswer(t *testing.T) {
	for _, limit := range []int{1, 3} {
		kit.Bubble(t, fmt.Sprint("limit ", limit), func(t *testing.T) {
			app, _ := startTabs(t, limit, true)
			for n := 1; n <= 50; n++ {
				kit.DialRaw(t, app, target("x")) // and never reads
				synctest.Wait()
				if got, want := app.Hub().User("ann").Len(), min(n, 2*limit); got > want {
					t.Fatalf("after %d connections %d are open, want at most %d", n, got, want)
				}
			}
			wstest.Pass(10 * time.Second)
			if got := app.Hub().User("ann").Len(); got != limit {
				t.Errorf("%d connections stay, want %d", got, limit)
			}
		})
	}
}

// What counts is who is there: nobody is closed for the sake of one who is gone.
func TestOldestIsOneWhoIsThere(t *testing.T) {
	for _, leaves := range []struct {
		name  string
		leave func(c *wstest.Client)
	}{
		{"closes slowly", func(c *wstest.Client) { c.Reset() }},
		{"handles slowly", func(c *wstest.Client) {
			c.SendBytes(wire.Masked(wire.Text, []byte("x")))
			synctest.Wait()
			c.Reset()
		}},
	} {
		kit.Bubble(t, leaves.name, func(t *testing.T) {
			app, _ := startTabs(t, 2, true)
			other, reloaded := app.Dial(target("x")), app.Dial(target(leaves.name))
			leaves.leave(reloaded)
			wstest.Pass(time.Second)
			again := app.Dial(target("x"))
			wstest.Quiet(other)
			wstest.Quiet(again)
			newest := app.Dial(target("x"))
			wstest.ExpectClose(other, wsgate.StatusReplaced)
			wstest.Quiet(again)
			wstest.Quiet(newest)
		})
		kit.Bubble(t, leaves.name+", and the newest is refused", func(t *testing.T) {
			app, _ := startTabs(t, 2, false)
			other, reloaded := app.Dial(target("x")), app.Dial(target(leaves.name))
			leaves.leave(reloaded)
			wstest.Pass(time.Second)
			again := app.Dial(target("x"))
			app.ExpectRefused(http.StatusTooManyRequests, target("x"))
			wstest.Quiet(other)
			wstest.Quiet(again)
		})
	}
	kit.Bubble(t, "a client does not answer a close frame, and the newest is refused", func(t *testing.T) {
		app, _ := startTabs(t, 1, false)
		first := kit.DialRaw(t, app, target("x"))
		synctest.Wait()
		if err := app.Hub().User("ann").Disconnect(t.Context(), 4000, "out"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		begun := time.Now()
		second := app.Dial(target("x"))
		synctest.Wait()
		if got := app.Hub().User("ann").Len(); got != 1 || time.Since(begun) > 0 {
			t.Errorf("%d connections are open after %v, want 1 at once", got, time.Since(begun))
		}
		first.Gone(0)
		wstest.Quiet(second)
	})
}

// Nobody makes room for a newcomer that does not come to stay.
func TestNewcomerHasToOpen(t *testing.T) {
	for _, name := range []string{"refused", "closes itself", "opens slowly"} {
		kit.Bubble(t, name, func(t *testing.T) {
			app, _ := startTabs(t, 1, true)
			first := app.Dial(target("x"))
			newcomer := app.DialNow(target(name))
			wstest.Quiet(first)
			wstest.Pass(time.Minute)
			wstest.Quiet(first)
			if name == "opens slowly" {
				wstest.ExpectClose(newcomer, websocket.StatusTryAgainLater)
			}
			second := app.Dial(target("x"))
			wstest.ExpectClose(first, wsgate.StatusReplaced)
			wstest.Quiet(second)
		})
	}
}

// Newcomers whose OnOpen takes long are as few as those who stay; the newest of them stays.
func TestManyNewcomersOpenSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, g := startTabs(t, 2, true)
		stay := []*wstest.Client{app.Dial(target("x")), app.Dial(target("x"))}
		var newcomers []*wstest.Client
		for range 20 {
			newcomers = append(newcomers, app.DialNow(target("opens slowly")))
			synctest.Wait()
			if got := app.Hub().User("ann").Len(); got > 4 {
				t.Fatalf("%d connections are open, want at most 4", got)
			}
		}
		for _, c := range stay {
			wstest.Quiet(c)
		}
		for range 2 {
			g.release <- struct{}{}
		}
		for _, c := range stay {
			wstest.ExpectClose(c, wsgate.StatusReplaced)
		}
		for _, c := range newcomers[18:] {
			wstest.Quiet(c)
		}
	})
}

// OnClose hears that a connection was replaced as a limit that was passed. One that was ending anyway keeps its cause when
// it is cut for a newcomer.
func TestCauseOfWhoMakesRoom(t *testing.T) {
	for _, test := range []struct {
		name   string
		oldest bool
		leave  func(app *wstest.App, c *kit.RawClient)
		want   func(error) bool
	}{
		{"replaced", true, func(*wstest.App, *kit.RawClient) {}, kit.IsError(wsgate.ErrLimit)},
		{"closed by the client", false, func(_ *wstest.App, c *kit.RawClient) { c.Put(kit.CloseFrame(1000, "")) }, kit.IsNil},
		{"lost", false, func(_ *wstest.App, c *kit.RawClient) { c.Close() }, kit.IsError(io.ErrUnexpectedEOF)},
		{"closed by the server", false, func(app *wstest.App, _ *kit.RawClient) {
			app.Hub().Disconnect(context.Background(), 4000, "out")
		}, kit.IsCloseError(4000, "out")},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			app, g := startTabs(t, 1, test.oldest)
			g.causes = make(chan error, 1)
			c := kit.DialRaw(t, app, target("handles slowly"))
			c.Put(wire.Masked(wire.Text, []byte("x")))
			synctest.Wait()
			test.leave(app, c)
			wstest.Pass(time.Second)
			app.Dial(target("x"))
			g.release <- struct{}{}
			if cause := kit.Receive(t, g.causes, "OnClose"); !test.want(cause) {
				t.Errorf("got cause %v", cause)
			}
			g.causes = nil
		})
	}
}
