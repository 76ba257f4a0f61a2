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

const Bid wsgate.Event[int] = "bid"

// Auction takes bids from people who have a ticket.
type Auction struct{}

func NewAuction() *Auction { return &Auction{} }

// OnUpgrade refuses with an HTTP status.
func (g *Auction) OnUpgrade(r *http.Request) (string, error) {
	ticket := r.FormValue("ticket")
	if ticket == "" {
		return "", wsgate.Errorf(wsgate.Unauthenticated, "a ticket is needed")
	}
	return ticket, nil
}

func (g *Auction) Events() wsgate.Events[string] {
	return wsgate.Events[string]{wsgate.On(Bid, g.bid)}
}

// bid refuses with an error frame. An error that is no *wsgate.Error would be logged, and the client would hear
// "internal error".
func (g *Auction) bid(_ context.Context, _ *wsgate.Conn[string], amount int) error {
	if amount < 100 {
		return wsgate.Errorf(wsgate.Invalid, "bids begin at %d", 100)
	}
	return nil
}

// Errors that clients may see.
func ExampleErrorf() {
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/auction", New: NewAuction}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(ctx)

	_, resp, err := websocket.Dial(ctx, server.URL+"/auction", nil)
	fmt.Println(resp.Status, err != nil)

	client, _, err := websocket.Dial(ctx, server.URL+"/auction?ticket=7", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseNow()
	if err := client.Write(ctx, websocket.MessageText, []byte(`{"type":"bid","data":5}`)); err != nil {
		log.Fatal(err)
	}
	_, answer, err := client.Read(ctx)
	fmt.Printf("%s %v\n", answer, err)
	// Output:
	// 401 Unauthorized true
	// {"type":"error","code":"invalid","message":"bids begin at 100"} <nil>
}
