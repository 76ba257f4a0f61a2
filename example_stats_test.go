package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// What a gateway has done, for a page of your own. Packages metrics/prometheus and metrics/otel export the same.
func ExampleApp_Stats() {
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/calculator", New: NewCalculator}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()

	client, _, err := websocket.Dial(ctx, server.URL+"/calculator", nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, question := range []string{
		`{"type":"divide","id":1,"dividend":7,"divisor":2}`,
		`{"type":"divide","id":2,"dividend":7}`,
		`{"type":"multiply","id":3}`,
	} {
		if err := client.Write(ctx, websocket.MessageText, []byte(question)); err != nil {
			log.Fatal(err)
		}
		if _, _, err := client.Read(ctx); err != nil {
			log.Fatal(err)
		}
	}
	if err := client.Close(websocket.StatusNormalClosure, ""); err != nil {
		log.Fatal(err)
	}
	if err := app.Shutdown(ctx); err != nil { // when every connection has ended, nothing changes any more
		log.Fatal(err)
	}

	route := app.Stats().Routes["/calculator"]
	fmt.Println("upgrades:", route.Upgrades[101])
	fmt.Println("messages:", route.Received)
	fmt.Println("divide:", route.Events["divide"][""], "answered,", route.Events["divide"][wsgate.Invalid], "invalid")
	fmt.Println("unknown events:", route.Events["$other"][wsgate.UnknownEvent])
	fmt.Println("closed by the client:", route.Closed["client"][websocket.StatusNormalClosure])
	// Output:
	// upgrades: 1
	// messages: 3
	// divide: 1 answered, 1 invalid
	// unknown events: 1
	// closed by the client: 1
}
