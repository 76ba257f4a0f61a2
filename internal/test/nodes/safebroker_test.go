package nodes_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/memory"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

const poke wsgate.Event[string] = "poke"

// panickyBroker is a Broker and a PresenceStore of somebody else. The method that is named panics, and so does what it returns.
type panickyBroker struct {
	wstest.Broker

	mu      sync.Mutex // guards following
	method  string
	changed func(error)
}

// panicIn has the method panic from now on.
func (b *panickyBroker) panicIn(method string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.method = method
}

func (b *panickyBroker) trap(method string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if method == b.method {
		panic("oh no")
	}
}

func (b *panickyBroker) Publish(topic string, message []byte) error {
	b.trap("Publish")
	return b.Broker.Publish(topic, message)
}

func (b *panickyBroker) Subscribe(ctx context.Context, topic string, receive func([]byte)) (func(), error) {
	b.trap("Subscribe")
	unsubscribe, err := b.Broker.Subscribe(ctx, topic, receive)
	return func() { b.trap("unsubscribe"); unsubscribe() }, err
}

func (b *panickyBroker) Watch(changed func(error)) func() {
	b.trap("Watch")
	b.mu.Lock()
	b.changed = changed
	b.mu.Unlock()
	stop := b.Broker.Watch(changed)
	return func() { b.trap("stop"); stop() }
}

func (b *panickyBroker) Update(ctx context.Context, table string, rows map[string][]byte) error {
	b.trap("Update")
	return b.Broker.Update(ctx, table, rows)
}

func (b *panickyBroker) Rows(ctx context.Context, table string) (map[string][]byte, error) {
	b.trap("Rows")
	return b.Broker.Rows(ctx, table)
}

// A broker that panics is one that fails: the App goes on with this node's connections, and the log has the stack.
func TestBrokerPanics(t *testing.T) {
	for _, method := range []string{"Publish", "Subscribe", "unsubscribe", "Watch", "stop"} {
		kit.Bubble(t, method, func(t *testing.T) {
			b := &panickyBroker{}
			g := &kit.EventGateway{
				Hooks: kit.Hooks{Open: func(_ context.Context, c *kit.Conn) error { return c.Join("room", "of "+c.Data.Name) }},
				Table: wsgate.Events[kit.Data]{wsgate.On(poke, func(_ context.Context, c *kit.Conn, text string) error {
					_ = poke.Emit(c.Room("room"), text) // ErrBroker is no reason not to reach this node
					return nil
				})},
			}
			app := kit.NewApp(t, &wsgate.Options{Broker: b, StartWithoutBroker: true}, kit.RouteTo("/", g))
			if method == "Watch" {
				b.panicIn(method)
			}
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			c := kit.Dial(t, app, "/?name=ann")
			c.Say(`{"type":"poke","data":"before"}`)
			c.Hears(`{"type":"poke","data":"before"}`)
			b.panicIn(method)
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
		b := &panickyBroker{}
		app := kit.NewApp(t, &wsgate.Options{Broker: b}, kit.RouteTo("/", &kit.EventGateway{Table: wsgate.Events[kit.Data]{
			wsgate.On(poke, func(_ context.Context, c *kit.Conn, text string) error { return poke.Emit(c.All(), text) }),
		}}))
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := kit.Dial(t, app, "/")
		b.panicIn("Publish")
		for range 2 {
			c.Say(`{"type":"poke","id":1,"data":"x"}`)
			c.Hears(`{"type":"poke","data":"x"}`)
			c.Hears(`{"type":"error","id":1,"code":"unavailable","message":"not everybody can be reached"}`)
		}
		b.panicIn("")
	})
}

// While OnBroker blocks, what changes meanwhile takes no memory, and then it is told of the last state.
func TestOnBrokerBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &panickyBroker{}
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
			b.changed(away)
			b.changed(nil)
		}
		b.changed(away)
		synctest.Wait()
		close(release)
		synctest.Wait()
		if got := states.All(); len(got) > 110 || got[len(got)-1] != "away" {
			t.Errorf("told of %d states, the last is %s; want about 100 and away", len(got), got[len(got)-1])
		}
		b.changed(nil)
		synctest.Wait()
		if got := states.All(); got[len(got)-1] != "<nil>" {
			t.Errorf("the last state is %s, want nil", got[len(got)-1])
		}
	})
}
