package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// Greeter greets everybody by the name in the path, which is the connection's data.
type Greeter struct{}

func NewGreeter() *Greeter { return &Greeter{} }

func (*Greeter) OnUpgrade(r *http.Request) (string, error) { return r.PathValue("name"), nil }

func (*Greeter) OnOpen(_ context.Context, c *wsgate.Conn[string]) error {
	return c.Send(wsgate.Text("hello " + c.Data))
}

// Routes that are registered one by one, each checked on the spot.
func ExampleRegistry_Register() {
	var registry wsgate.Registry
	if err := registry.Register("/greet/{name}", NewGreeter); err != nil {
		log.Fatal(err)
	}
	app, err := wsgate.New(&wsgate.Module{Gateways: registry.Routes()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(ctx)

	client, _, err := websocket.Dial(ctx, server.URL+"/greet/ann", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseNow()
	_, message, err := client.Read(ctx)
	fmt.Printf("%s %v\n", message, err)
	// Output: hello ann <nil>
}
