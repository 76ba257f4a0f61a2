package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"sync/atomic"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// Visits is a service. Whoever needs it has a *Visits among the parameters of the constructor.
type Visits struct{ n atomic.Int64 }

func NewVisits() *Visits { return &Visits{} }

// Door is a gateway that needs it.
type Door struct{ visits *Visits }

func NewDoor(v *Visits) *Door { return &Door{v} }

func (g *Door) OnOpen(_ context.Context, c *wsgate.Conn[struct{}]) error {
	return c.Send(wsgate.Text(fmt.Sprintf("you are visitor %d", g.visits.n.Add(1))))
}

// A service that two gateways share.
func ExampleModule() {
	counting := &wsgate.Module{Name: "counting", Provide: []any{NewVisits}}
	app, err := wsgate.New(&wsgate.Module{
		Imports: []*wsgate.Module{counting},
		Gateways: []wsgate.Route{
			{Path: "/front", New: NewDoor},
			{Path: "/back", New: NewDoor},
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(ctx)

	for _, door := range []string{"/front", "/back"} {
		client, _, err := websocket.Dial(ctx, server.URL+door, nil)
		if err != nil {
			log.Fatal(err)
		}
		defer client.CloseNow()
		_, message, err := client.Read(ctx)
		fmt.Printf("%s: %s %v\n", door, message, err)
	}
	// Output:
	// /front: you are visitor 1 <nil>
	// /back: you are visitor 2 <nil>
}
