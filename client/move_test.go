package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/client"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

const (
	where wsgate.Call[struct{}, string] = "where"
	later wsgate.Call[int, string]      = "later"
	tick  wsgate.Event[int]             = "tick"
	join  wsgate.Event[struct{}]        = "join"
	pause wsgate.Event[time.Duration]   = "pause"
)

// node returns an App that says where it is, at once or some seconds later.
func node(t *testing.T, name string, b wsgate.Broker, hooks kit.Hooks) *kit.App {
	t.Helper()
	g := gateway(
		kit.Give(string(where), name),
		wsgate.On(pause, func(_ context.Context, _ *kit.Conn, d time.Duration) error { <-time.After(d); return nil }),
		wsgate.On(join, func(_ context.Context, c *kit.Conn, _ struct{}) error { return c.Join("room") }),
		wsgate.Answer(later, func(_ context.Context, c *kit.Conn, seconds int) (string, error) {
			for n := range seconds {
				<-time.After(time.Second)
				if err := tick.Emit(c, n); err != nil {
					return "", err
				}
			}
			return name, nil
		}),
	)
	g.Hooks = hooks
	app := kit.NewApp(t, &wsgate.Options{Broker: b}, kit.RouteTo("/", g))
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return app
}

// phases returns the names of the phases of which OnState was told.
func (s *states) phases() string {
	var all []string
	for _, state := range s.list() {
		all = append(all, state.Phase.String())
	}
	return strings.Join(all, " ")
}

func isAt(t *testing.T, c *client.Client, want string) {
	t.Helper()
	if got, err := client.Call(t.Context(), c, where, struct{}{}); got != want || err != nil {
		t.Errorf("the client is at %q, %v, want %q", got, err, want)
	}
}

// A client that is told to reconnect is connected elsewhere before it lets go of the old connection. What it has asked
// there is answered.
func TestMove(t *testing.T) {
	bubble(func(t *testing.T) {
		old, next := node(t, "old", nil, kit.Hooks{}), node(t, "new", nil, kit.Hooks{})
		s := &site{current: old}
		var seen states
		var happened kit.Journal
		c := client.New(url, in(s, client.Options{OnState: func(ctx context.Context, state client.State) {
			seen.add(ctx, state)
			happened.Add("%v", state.Phase)
		}}))
		client.On(c, tick, func(_ context.Context, n int) { happened.Add("tick %d", n) })
		if err := c.Dial(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer shut(t, c)
		isAt(t, c, "old")
		answers := make(chan string, 1)
		go func() {
			answer, err := client.Call(t.Context(), c, later, 3)
			answers <- fmt.Sprint(answer, err)
		}()
		wstest.Pass(1500 * time.Millisecond)
		s.serve(next)
		begun := time.Now()
		ended := make(chan error, 1)
		go func() { ended <- old.Shutdown(context.Background()) }()
		synctest.Wait()
		if old.Hub().Len() != 1 || next.Hub().Len() != 1 {
			t.Errorf("%d old and %d new connections, want one of each", old.Hub().Len(), next.Hub().Len())
		}
		isAt(t, c, "new")
		if got := <-answers; got != "old<nil>" {
			t.Errorf("the call in flight: %s", got)
		}
		if err := <-ended; err != nil || time.Since(begun) != 1500*time.Millisecond {
			t.Errorf("Shutdown: %v after %v, want the end of the call", err, time.Since(begun))
		}
		isAt(t, c, "new")
		happened.Want(t, "connecting", "connected", "tick 0", "connected", "tick 1", "tick 2")
		if c.State().Phase != client.Connected {
			t.Errorf("got %v", c.State())
		}
	})(t)
}

// Two nodes and a client that moves from one to the other while events come all the time: it handles each of them. What
// was sent to both connections it may handle twice.
func TestMoveLosesNothing(t *testing.T) {
	for _, joins := range []string{"OnOpen", "OnState"} {
		kit.Bubble(t, joins+" joins the room", func(t *testing.T) {
			b := new(local.Broker)
			var hooks kit.Hooks
			var options client.Options
			var c *client.Client
			if joins == "OnOpen" {
				hooks.Open = func(_ context.Context, c *kit.Conn) error {
					<-time.After(100 * time.Millisecond)
					return c.Join("room")
				}
			} else {
				options.OnState = func(ctx context.Context, s client.State) {
					<-time.After(100 * time.Millisecond)
					if s.Phase == client.Connected {
						_ = client.Do(ctx, c, join, struct{}{})
					}
				}
			}
			old, next := node(t, "old", b, hooks), node(t, "new", b, hooks)
			s := &site{current: old}
			var got []int
			c = client.New(url, in(s, options))
			client.On(c, tick, func(_ context.Context, n int) { got = append(got, n) })
			if err := c.Dial(t.Context()); err != nil {
				t.Fatal(err)
			}
			wstest.Pass(time.Second)
			s.serve(next)
			for n := range 1000 {
				if err := tick.Emit(next.Hub().At("/").Room("room"), n); err != nil {
					t.Fatal(err)
				}
				if n == 250 { // is answered while the client has two connections
					go client.Do(t.Context(), c, pause, 100*time.Millisecond)
				}
				if n == 300 {
					go old.Shutdown(context.Background())
				}
				wstest.Pass(time.Millisecond)
			}
			shut(t, c)
			twice := len(got)
			slices.Sort(got)
			got = slices.Compact(got)
			if len(got) != 1000 || got[999] != 999 {
				t.Errorf("%d of 1000 events", len(got))
			}
			if twice -= len(got); twice > 20 {
				t.Errorf("%d events twice, want only those that came while both connections were open", twice)
			}
		})
	}
}

// A client that does not get elsewhere keeps what it has, tries again, and loses it when the server has waited enough.
func TestMoveThatFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		site   func(old, next *kit.App) http.Handler // to which it moves
		opens  time.Duration                         // after which there is a new node
		phases string
		took   time.Duration // by Shutdown, at most
	}{
		{"the same node, and then another", func(old, _ *kit.App) http.Handler { return old }, time.Second, "connecting connected connected", 5 * time.Second},
		{"nobody, and then a node", func(_, _ *kit.App) http.Handler { return refusing(502) }, time.Second, "connecting connected connected", 4 * time.Second},
		{"nobody for long", func(_, _ *kit.App) http.Handler { return refusing(502) }, 10 * time.Second, "connecting connected waiting connecting", 5 * time.Second},
		{"who refuses it for good", func(_, _ *kit.App) http.Handler { return refusing(403) }, time.Hour, "connecting connected waiting connecting closed", 5 * time.Second},
	} {
		kit.Bubble(t, test.name, func(t *testing.T) {
			old, next := node(t, "old", nil, kit.Hooks{}), node(t, "new", nil, kit.Hooks{})
			s := &site{current: old}
			var seen states
			c := dial(t, s, client.Options{OnState: seen.add})
			synctest.Wait() // the connection is open on the other side too
			s.serve(test.site(old, next))
			time.AfterFunc(test.opens, func() { s.serve(next) })
			time.AfterFunc(900*time.Millisecond, func() { isAt(t, c, "old") }) // it is served as before
			begun := time.Now()
			if err := old.Shutdown(context.Background()); err != nil || time.Since(begun) > test.took {
				t.Errorf("Shutdown: %v after %v", err, time.Since(begun))
			}
			wstest.Pass(time.Minute)
			if got := seen.phases(); !strings.HasPrefix(got, test.phases) {
				t.Errorf("got %s, want %s", got, test.phases)
			}
			if want := client.Connected; test.opens < time.Hour && c.State().Phase != want {
				t.Errorf("got %v", c.State())
			}
		})
	}
}

// The old connection may be closed in any way while the new one is made or after: by an application that allows a user
// one connection, for example. The client has the new one all the same.
func TestMoveWhileOldEnds(t *testing.T) {
	for _, code := range []websocket.StatusCode{4409, 4001, 1008, 1011} {
		kit.Bubble(t, fmt.Sprint(code), func(t *testing.T) {
			var first atomic.Pointer[kit.Conn]
			closes := kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error {
				if !first.CompareAndSwap(nil, c) {
					first.Load().Close(code, "one at a time")
				}
				return nil
			}, Upgrade: func(*http.Request) (kit.Data, error) {
				if first.Load() != nil && code == 1008 {
					first.Load().Close(code, "earlier")
					<-time.After(time.Second)
				}
				return kit.Data{}, nil
			}}
			old, next := node(t, "old", nil, closes), node(t, "new", nil, closes)
			s := &site{current: old}
			var seen states
			c := dial(t, s, client.Options{OnState: seen.add})
			synctest.Wait() // the connection is open on the other side too
			s.serve(next)
			if err := old.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			wstest.Pass(time.Minute)
			isAt(t, c, "new")
			const with, without = "connecting connected connected", "connecting connected connecting connected"
			// With 1008 it is without a connection for a second. Otherwise both connections change at once.
			if got := seen.phases(); got != without && (got != with || code == 1008) {
				t.Errorf("got %s", got)
			}
		})
	}
}

// Close ends a move, wherever it is.
func TestCloseDuringMove(t *testing.T) {
	for _, after := range []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second} {
		kit.Bubble(t, fmt.Sprint(after), func(t *testing.T) {
			slow := kit.Hooks{Upgrade: func(*http.Request) (kit.Data, error) { <-time.After(time.Second); return kit.Data{}, nil }}
			old, next := node(t, "old", nil, kit.Hooks{}), node(t, "new", nil, slow)
			s := &site{current: old}
			c := client.New(url, in(s, client.Options{}))
			if err := c.Dial(t.Context()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			s.serve(next)
			go client.Call(t.Context(), c, later, 2) // keeps the old connection
			synctest.Wait()
			ended := make(chan error, 1)
			go func() { ended <- old.Shutdown(context.Background()) }()
			wstest.Pass(after)
			shut(t, c)
			if s := c.State(); s.Phase != client.Closed || !errors.Is(s.Err, client.ErrClosed) {
				t.Errorf("got %v", s)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			wstest.Pass(time.Minute)
			if n := old.Hub().Len() + next.Hub().Len(); n != 0 {
				t.Errorf("%d connections are left", n)
			}
		})
	}
}

// A node after the other goes away, and the client moves each time.
func TestMoveAgainAndAgain(t *testing.T) {
	bubble(func(t *testing.T) {
		current := node(t, "0", nil, kit.Hooks{})
		s := &site{current: current}
		var seen states
		c := dial(t, s, client.Options{OnState: seen.add})
		for n := range 5 {
			next := node(t, fmt.Sprint(n+1), nil, kit.Hooks{})
			synctest.Wait()
			s.serve(next)
			if err := current.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			isAt(t, c, fmt.Sprint(n+1))
			current = next
		}
		if got := seen.phases(); got != "connecting"+strings.Repeat(" connected", 6) {
			t.Errorf("got %s", got)
		}
	})(t)
}
