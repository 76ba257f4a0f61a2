package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// Two nodes of a cluster. A program has one App, and a Broker of package broker/nats or broker/redis; the one in memory
// is for tests.
func ExampleBroker() {
	ctx := context.Background()
	broker := new(wstest.Broker)
	var people []*websocket.Conn
	for range 2 {
		app, err := wsgate.New(&wsgate.Module{
			Gateways: []wsgate.Route{{Path: "/valley", New: NewValley}},
		}, &wsgate.Options{Broker: broker})
		if err != nil {
			log.Fatal(err)
		}
		if err := app.Start(ctx); err != nil {
			log.Fatal(err)
		}
		server := httptest.NewServer(app)
		defer server.Close()
		defer app.Shutdown(ctx)
		c, _, err := websocket.Dial(ctx, server.URL+"/valley", nil)
		if err != nil {
			log.Fatal(err)
		}
		defer c.CloseNow()
		// The answer says that OnOpen is over, and so that the node hears what is said in the valley.
		if err := c.Write(ctx, websocket.MessageText, []byte(`{"type":"shout","id":1,"data":"anybody here?"}`)); err != nil {
			log.Fatal(err)
		}
		if _, _, err := c.Read(ctx); err != nil {
			log.Fatal(err)
		}
		people = append(people, c)
	}
	_, message, err := people[0].Read(ctx)
	fmt.Printf("on the first node one hears %s %v\n", message, err)
	// Output:
	// on the first node one hears {"type":"shout","data":"anybody here?"} <nil>
}
