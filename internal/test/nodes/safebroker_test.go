package nodes_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

const poke wsgate.Event[string] = "poke"

// panicIn has a method of the broker panic from now on, or what it returns.
func panicIn(b *kit.Broker, method string) {
	b.Before(method, func(context.Context, string) error { panic("oh no") })
}

// A broker that panics is one that fails: the App goes on with this node's connections, and the log has the stack.
func TestBrokerPanics(t *testing.T) {
	for _, method := range []string{"Publish", "Subscribe", "unsubscribe", "Watch", "stop"} {
		kit.Bubble(t, method, func(t *testing.T) {
			b := kit.NewBroker(t, new(local.Broker))
			g := &kit.EventGateway{
				Hooks: kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error { return c.Join("room", "of "+c.Data.Name) }},
				Table: wsgate.Events[kit.Data]{wsgate.On(poke, func(_ context.Context, c *kit.Conn, text string) error {
					_ = poke.Emit(c.Room("room"), text) // ErrBroker is no reason not to reach this node
					return nil
				})},
			}
			app := kit.NewApp(t, &wsgate.Options{Broker: b, StartWithoutBroker: true}, kit.RouteTo("/", g))
			if method == "Watch" {
				panicIn(b, method)
			}
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			c := kit.Dial(t, app, "/?name=ann")
			c.Say(`{"type":"poke","data":"before"}`)
			c.Hears(`{"type":"poke","data":"before"}`)
			panicIn(b, method)
			c.Say(`{"type":"poke","data":"after"}`)
			c.Hears(`{"type":"poke","data":"after"}`)
			another, _, err := memory.Dial(app, "/?name=bob", nil)
			if err == nil {
				kit.NewClient(t, another).Close(1000, "")
			}
			wstest.Pass(30 * time.Second)
			c.Close(1000, "")
			wstest.Pass(30 * time.Second)
			if err := app.End(); err != nil {
				t.Error(err)
			}
			if len(app.Log.With("the broker panicked", "oh no", "stack")) == 0 {
				t.Errorf("logged %q, want the panic with its stack", app.Log.With())
			}
		})
	}
}

// A handler that returns the error of a broker that panicked keeps its connection, as with any other broker's error.
func TestHandlerOutlivesBrokerPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := kit.NewBroker(t, new(local.Broker))
		app := kit.NewApp(t, &wsgate.Options{Broker: b}, kit.RouteTo("/", &kit.EventGateway{Table: wsgate.Events[kit.Data]{
			wsgate.On(poke, func(_ context.Context, c *kit.Conn, text string) error { return poke.Emit(c.All(), text) }),
		}}))
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := kit.Dial(t, app, "/")
		panicIn(b, "Publish")
		for range 2 {
			c.Say(`{"type":"poke","id":1,"data":"x"}`)
			c.Hears(`{"type":"poke","data":"x"}`)
			c.Hears(`{"type":"error","id":1,"code":"unavailable","message":"not everybody can be reached"}`)
		}
		b.Before("Publish", nil)
	})
}

// While OnBroker blocks, what changes meanwhile takes no memory, and then it is told of the last state.
func TestOnBrokerBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := kit.NewBroker(t, new(local.Broker))
		release := make(chan struct{})
		var states kit.Journal
		app := kit.NewApp(t, &wsgate.Options{Broker: b, OnBroker: func(_ *wsgate.Hub, err error) {
			states.Add("%v", err)
			<-release
		}}, kit.RouteTo("/", &kit.MessageGateway{}))
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		away := errors.New("away")
		for range 10_000 {
			b.Tell(away)
			b.Tell(nil)
		}
		b.Tell(away)
		synctest.Wait()
		close(release)
		synctest.Wait()
		if got := states.All(); len(got) > 110 || got[len(got)-1] != "away" {
			t.Errorf("told of %d states, the last is %s; want about 100 and away", len(got), got[len(got)-1])
		}
		b.Tell(nil)
		synctest.Wait()
		if got := states.All(); got[len(got)-1] != "<nil>" {
			t.Errorf("the last state is %s, want nil", got[len(got)-1])
		}
	})
}
