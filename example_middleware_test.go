package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"sync"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

const Knock wsgate.Event[struct{}] = "knock"

// House lets people knock.
type House struct{}

func NewHouse() *House { return &House{} }

func (g *House) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{wsgate.On(Knock, g.knock)}
}

func (g *House) knock(context.Context, *wsgate.Conn[struct{}], struct{}) error { return nil }

// logged prints what happens on every connection, and what came of it.
func logged(next wsgate.Handler) wsgate.Handler {
	return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
		err := next(ctx, c, in)
		fmt.Printf("%s %s %q: %v\n", c.Path(), in.Hook, in.Event, err)
		return err
	}
}

// Middleware around every hook and every event, also one that no handler is bound to.
func ExampleMiddleware() {
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/house", New: NewHouse}},
	}, &wsgate.Options{Use: []any{logged}})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(ctx) // waits for every OnClose

	client, _, err := websocket.Dial(ctx, server.URL+"/house", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(websocket.StatusNormalClosure, "")
	for _, message := range []string{`{"type":"knock"}`, `{"type":"kick"}`} {
		if err := client.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// /house open "": <nil>
	// /house event "knock": <nil>
	// /house event "kick": unknown_event: unknown event "kick"
	// /house close "": <nil>
}

// Meter is a service that counts what happens.
type Meter struct {
	mu     sync.Mutex // guards following
	counts map[string]int
}

func NewMeter() *Meter { return &Meter{counts: map[string]int{}} }

// metered constructs middleware that needs a service.
func metered(m *Meter) wsgate.Middleware {
	return func(next wsgate.Handler) wsgate.Handler {
		return func(ctx context.Context, c wsgate.AnyConn, in wsgate.Inbound) error {
			m.mu.Lock()
			m.counts[in.Hook]++
			m.mu.Unlock()
			return next(ctx, c, in)
		}
	}
}

// A constructor of middleware stands where the middleware does, and gets services as any other constructor.
func ExampleMiddleware_constructor() {
	app, err := wsgate.New(&wsgate.Module{
		Provide:  []any{NewMeter},
		Gateways: []wsgate.Route{{Path: "/house", New: NewHouse, Use: []any{metered}}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()

	client, _, err := websocket.Dial(ctx, server.URL+"/house", nil)
	if err != nil {
		log.Fatal(err)
	}
	client.Close(websocket.StatusNormalClosure, "")
	app.Shutdown(ctx) // waits for every OnClose
	app.Invoke(func(m *Meter) { fmt.Println(m.counts) })
	// Output: map[close:1 open:1]
}
