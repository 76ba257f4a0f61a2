package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// Echo sends every message back. Its connections have no data of their own.
type Echo struct{}

func NewEcho() *Echo { return &Echo{} }

func (*Echo) OnMessage(_ context.Context, c *wsgate.Conn[struct{}], m wsgate.Message) error {
	return c.Send(m)
}

// A gateway that takes messages as they are.
func ExampleMessageHandler() {
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/echo", New: NewEcho}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(ctx)

	client, _, err := websocket.Dial(ctx, server.URL+"/echo", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseNow()
	if err := client.Write(ctx, websocket.MessageBinary, []byte("hello")); err != nil {
		log.Fatal(err)
	}
	typ, message, err := client.Read(ctx)
	fmt.Printf("%v %s %v\n", typ, message, err)
	// Output: MessageBinary hello <nil>
}
