package wsgate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/internal/test/wire"
	"github.com/wsgate/wsgate/wstest"
)

// shutdownWithin shuts the App down and returns what Shutdown returned and how long it took.
func shutdownWithin(app *kit.App, most time.Duration) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	begun := time.Now()
	err = app.Shutdown(ctx)
	return time.Since(begun), err
}

// Handlers in flight finish, what they and others sent arrives, everybody is closed with 1012, and every OnClose has
// returned.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients = 5
		var happened kit.Journal
		g := &kit.MessageGateway{
			Hooks: kit.Hooks{Close: func(_ context.Context, c *kit.Conn, err error) {
				<-time.After(time.Second) // it is waited for
				happened.Add("OnClose %v", errors.Is(err, wsgate.ErrShutdown))
			}},
			Message: func(ctx context.Context, c *kit.Conn, m wsgate.Message) error {
				if string(m.Data) != "work" {
					happened.Add("handled %s", m.Data)
					return nil
				}
				<-ctx.Done()
				if cause := context.Cause(ctx); cause != wsgate.ErrShutdown {
					t.Errorf("got cause %v, want ErrShutdown", cause)
				}
				<-time.After(3 * time.Second)
				for i := range 100 {
					if err := c.Send(wsgate.Text(fmt.Sprint(i))); err != nil {
						t.Errorf("Send from a handler in flight: %v", err)
					}
				}
				return c.All().Send(wsgate.Text("done")) // to its neighbours as well, if they are there
			},
		}
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
		var idle []*kit.Client
		for range clients - 1 {
			c := kit.Dial(t, app, "/ws")
			idle = append(idle, c)
		}
		worker := kit.Dial(t, app, "/ws")
		worker.Say("work")
		synctest.Wait()
		app.Hub().Send(wsgate.Text("queued"))
		ended := make(chan []string, clients)
		for _, c := range append(slices.Clone(idle), worker) {
			go func() {
				messages, end := c.Rest()
				if end != (websocket.CloseError{Code: websocket.StatusServiceRestart, Reason: "server shutting down"}) {
					t.Errorf("got end %v", end)
				}
				ended <- messages
			}()
		}
		go func() {
			wstest.Pass(2 * time.Second)
			worker.Write(context.Background(), websocket.MessageText, []byte("more")) // not handled any more
		}()
		took, err := shutdownWithin(app, 20*time.Second)
		if err != nil || took != 4*time.Second {
			t.Errorf("Shutdown: %v after %v, want nil after 3 s for the handler and 1 s for OnClose", err, took)
		}
		happened.Want(t, slices.Repeat([]string{"OnClose true"}, clients)...)
		if n := app.Hub().Len(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		working := 0
		for range clients {
			messages := <-ended
			if messages[0] != "queued" {
				t.Errorf("got %q, want what was queued", messages)
			}
			if len(messages) == 102 && messages[100] == "99" && messages[101] == "done" {
				working++
			} else if len(messages) != 1 {
				t.Errorf("got %q", messages)
			}
		}
		if working != 1 {
			t.Error("what the handler in flight sent has not arrived")
		}
	})
}

// From the beginning of a shutdown on there are no new connections.
func TestShutdownRefusesUpgrades(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var happened kit.Journal
		g := &kit.MessageGateway{
			Hooks: kit.Hooks{
				Upgrade: func(r *http.Request) (kit.Data, error) {
					happened.Add("OnUpgrade")
					if r.FormValue("wait") != "" {
						<-time.After(2 * time.Second)
					}
					return kit.Data{}, nil
				},
				Open:  func(context.Context, *kit.Conn) error { happened.Add("OnOpen"); return nil },
				Close: func(context.Context, *kit.Conn, error) { happened.Add("OnClose") },
			},
			Message: func(context.Context, *kit.Conn, wsgate.Message) error { <-time.After(5 * time.Second); return nil },
		}
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
		app.Handle("/health", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
		first := kit.Dial(t, app, "/ws")
		first.Say("x")
		go func() { // an upgrade that is under way is accepted, and closed without an OnOpen, or refused
			kit.Dial(t, app, "/ws?wait=1").Closed(websocket.StatusServiceRestart, "")
		}()
		synctest.Wait()
		go first.Rest()
		done := make(chan error, 1)
		go func() { _, err := shutdownWithin(app, time.Minute); done <- err }()
		synctest.Wait()
		for range 3 {
			resp := kit.DialRefused(t, app, "/ws", nil)
			if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
				t.Errorf("got status %d, header %v, want 503 with Retry-After", resp.StatusCode, resp.Header)
			}
			if body, _ := io.ReadAll(resp.Body); !strings.Contains(string(body), "shutting down") {
				t.Errorf("got body %q", body)
			}
		}
		if resp := kit.DialRefused(t, app, "/health", nil); resp.StatusCode != http.StatusNoContent {
			t.Errorf("another handler answers with %d", resp.StatusCode)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if resp := kit.DialRefused(t, app, "/ws", nil); resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("got status %d after the shutdown, want 503", resp.StatusCode)
		}
		happened.Want(t, "OnUpgrade", "OnOpen", "OnUpgrade", "OnClose")
	})
}

// When the time is over the rest is cut, and Shutdown says so. Nobody can hold it up.
func TestShutdownOutOfTime(t *testing.T) {
	tests := []struct {
		name   string
		hooks  func(wait func()) kit.Hooks
		say    bool
		stall  bool // the client does not read
		queued bool
		nilErr bool // it is over in time after all
	}{
		{name: "handler ignores its context", say: true},
		{name: "OnClose blocks", hooks: func(wait func()) kit.Hooks {
			return kit.Hooks{Close: func(context.Context, *kit.Conn, error) { wait() }}
		}},
		{name: "OnOpen blocks", hooks: func(wait func()) kit.Hooks {
			return kit.Hooks{Open: func(context.Context, *kit.Conn) error { wait(); return nil }}
		}},
		{name: "client does not read", stall: true, queued: true},
		{name: "client does not answer", stall: true},
		{name: "nothing", nilErr: true},
	}
	for _, test := range tests {
		kit.Bubble(t, test.name, func(t *testing.T) {
			release := make(chan struct{})
			g := &kit.MessageGateway{Message: func(context.Context, *kit.Conn, wsgate.Message) error { <-release; return nil }}
			if test.hooks != nil {
				g.Hooks = test.hooks(func() { <-release })
			}
			app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
			c := kit.DialRaw(t, app, "/ws")
			if test.say {
				c.Put(wire.Masked(wire.Text, []byte("x")))
			}
			synctest.Wait()
			if test.queued {
				app.Hub().Send(wsgate.Text("x"))
			}
			var frames kit.Journal
			if !test.stall {
				go c.ReadOn(&frames)
			}
			if test.nilErr {
				go func() { wstest.Pass(time.Second); c.Put(kit.CloseFrame(1001, "")) }()
			}
			took, err := shutdownWithin(app, 3*time.Second)
			switch {
			case test.nilErr && (err != nil || took != time.Second):
				t.Errorf("Shutdown: %v after %v", err, took)
			case !test.nilErr && (!errors.Is(err, context.DeadlineExceeded) || took != 3*time.Second):
				t.Errorf("Shutdown: %v after %v, want %v after 3s", err, took, context.DeadlineExceeded)
			}
			if cut := c.Gone(time.Second); len(cut) > 2 {
				t.Errorf("got %q", cut)
			}
			close(release)
			wstest.Pass(time.Minute)
			if n := app.Hub().Len(); n != 0 {
				t.Errorf("%d connections are left", n)
			}
		})
	}
}

// Every call of Shutdown waits for the same end, and an impatient one cuts.
func TestShutdownTwice(t *testing.T) {
	gateway := func() *kit.MessageGateway {
		return &kit.MessageGateway{Message: func(context.Context, *kit.Conn, wsgate.Message) error {
			<-time.After(5 * time.Second)
			return nil
		}}
	}
	begin := func(t *testing.T) (*kit.App, chan string) {
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", gateway()))
		c := kit.Dial(t, app, "/ws")
		c.Say("x")
		synctest.Wait()
		go c.Rest()
		return app, make(chan string, 3)
	}
	call := func(app *kit.App, most time.Duration, calls chan string) {
		took, err := shutdownWithin(app, most)
		calls <- fmt.Sprint(took, " ", err)
	}
	kit.Bubble(t, "together", func(t *testing.T) {
		app, calls := begin(t)
		for range 3 {
			go call(app, time.Minute, calls)
		}
		for range 3 {
			if got := <-calls; got != "5s <nil>" {
				t.Errorf("got %s", got)
			}
		}
		if took, err := shutdownWithin(app, time.Minute); err != nil || took > 0 {
			t.Errorf("afterwards: %v after %v", err, took)
		}
	})
	kit.Bubble(t, "the second has less time", func(t *testing.T) {
		app, calls := begin(t)
		go call(app, time.Minute, calls)
		synctest.Wait()
		took, err := shutdownWithin(app, time.Second)
		if !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("got %v after %v", err, took)
		}
		if got := <-calls; got != "5s <nil>" { // the handler in flight has finished all the same
			t.Errorf("the first: %s", got)
		}
	})
	kit.Bubble(t, "the second has less time for a client that does not read", func(t *testing.T) {
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", gateway()))
		stalled := kit.DialRaw(t, app, "/ws")
		calls := make(chan string, 1)
		synctest.Wait()
		go call(app, time.Minute, calls)
		synctest.Wait()
		if took, err := shutdownWithin(app, time.Second); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("got %v after %v", err, took)
		}
		if got := <-calls; got != "1s <nil>" { // there is nobody left to wait for
			t.Errorf("the first: %s", got)
		}
		stalled.Gone(0)
	})
	kit.Bubble(t, "with a context that is done", func(t *testing.T) {
		app, _ := begin(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("because")
		cancel(why)
		if err := app.Shutdown(ctx); !errors.Is(err, why) {
			t.Errorf("got %v, want the cause of its context", err)
		}
		wstest.Pass(time.Minute)
	})
	kit.Bubble(t, "without connections", func(t *testing.T) {
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", gateway()))
		if took, err := shutdownWithin(app, time.Minute); err != nil || took > 0 {
			t.Errorf("got %v after %v", err, took)
		}
	})
}

// Connections that open while the App shuts down are either refused or closed, and counted in any case.
func TestShutdownRacesWithUpgrades(t *testing.T) {
	for range 50 {
		var opens, closes kit.Journal
		opened := make(chan struct{}, 1)
		g := &kit.MessageGateway{Hooks: kit.Hooks{
			Open: func(context.Context, *kit.Conn) error {
				opens.Add("")
				select {
				case opened <- struct{}{}:
				default:
				}
				return nil
			},
			Close: func(context.Context, *kit.Conn, error) { closes.Add("") },
		}}
		app := kit.NewApp(t, nil, kit.RouteTo("/ws", g))
		done := make(chan struct{})
		for range 4 {
			go func() {
				defer func() { done <- struct{}{} }()
				for {
					ws, _, err := memory.Dial(app, "/ws", nil)
					if err != nil {
						return // refused
					}
					if _, end := kit.NewClient(t, ws).Rest(); end.Code != websocket.StatusServiceRestart {
						t.Errorf("got end %v", end)
					}
				}
			}()
		}
		kit.Receive(t, opened, "something to shut down")
		if _, err := shutdownWithin(app, kit.Patience); err != nil {
			t.Fatal(err)
		}
		if n := app.Hub().Len(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		if n, m := len(opens.All()), len(closes.All()); n != m {
			t.Errorf("OnOpen ran %d times, OnClose %d times", n, m)
		}
		for range 4 {
			<-done
		}
	}
}
