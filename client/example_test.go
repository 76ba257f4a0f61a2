package client_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/client"
)

const (
	Shout wsgate.Event[string]     = "shout" // a client speaks
	Heard wsgate.Event[string]     = "heard" // all hear
	Count wsgate.Call[string, int] = "count" // how long is a text?
)

// Shop is the server.
type Shop struct{}

func (g *Shop) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{
		wsgate.On(Shout, func(_ context.Context, c *wsgate.Conn[struct{}], text string) error {
			return Heard.Emit(c.All(), text+"!")
		}),
		wsgate.Answer(Count, func(_ context.Context, _ *wsgate.Conn[struct{}], text string) (int, error) {
			if text == "" {
				return 0, wsgate.Errorf(wsgate.Invalid, "say something")
			}
			return len(text), nil
		}),
	}
}

// serve runs the server of the examples.
func serve() (url string, stop func()) {
	shop := wsgate.Route{Path: "/", New: func() *Shop { return &Shop{} }}
	app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{shop}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(app)
	return "ws" + server.URL[len("http"):], func() {
		_ = app.Shutdown(context.Background())
		server.Close()
	}
}

func Example() {
	url, stop := serve()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c := client.New(url, nil)
	heard := make(chan string)
	client.On(c, Heard, func(_ context.Context, text string) { heard <- text })
	if err := c.Dial(ctx); err != nil {
		log.Fatal(err)
	}
	defer c.Close(ctx)

	if err := client.Emit(ctx, c, Shout, "hello"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-heard)
	n, err := client.Call(ctx, c, Count, "hello")
	fmt.Println(n, err)
	_, err = client.Call(ctx, c, Count, "")
	fmt.Println(err)
	// Output:
	// hello!
	// 5 <nil>
	// invalid: say something
}

// Each attempt to connect gets a token of its own, and after each connect the client does what a new connection needs.
func ExampleOptions() {
	url, stop := serve()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	token := func() (string, error) { return "secret", nil }
	ready := make(chan int)
	var c *client.Client
	c = client.New(url, &client.Options{
		Handshake: func(_ context.Context, h *client.Handshake) error {
			t, err := token()
			h.Header = http.Header{"Authorization": {"Bearer " + t}}
			return err
		},
		OnState: func(ctx context.Context, s client.State) {
			if s.Phase == client.Connected {
				n, _ := client.Call(ctx, c, Count, "what did I miss?")
				ready <- n
			}
		},
	})
	if err := c.Dial(ctx); err != nil {
		log.Fatal(err)
	}
	defer c.Close(ctx)
	fmt.Println(c.State().Phase, <-ready)
	// Output: connected 16
}
