package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

// Order is a payload that knows what it may be.
type Order struct {
	Item   string `json:"item"`
	Amount int    `json:"amount"`
}

const PlaceOrder wsgate.Event[Order] = "order"

// Validate is called when a client's order was decoded, before the handler. Its *Error is the answer.
func (o Order) Validate() error {
	wrong := map[string]string{}
	if o.Item == "" {
		wrong["item"] = "is missing"
	}
	if o.Amount < 1 {
		wrong["amount"] = "is not positive"
	}
	if len(wrong) == 0 {
		return nil
	}
	return &wsgate.Error{Code: wsgate.Invalid, Message: "this is no order", Details: wrong}
}

// Orders takes orders.
type Orders struct{}

func NewOrders() *Orders { return &Orders{} }

func (g *Orders) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{wsgate.On(PlaceOrder, g.place)}
}

func (g *Orders) place(_ context.Context, _ *wsgate.Conn[struct{}], o Order) error {
	fmt.Println("ordered", o.Amount, o.Item)
	return nil
}

// A payload with a Validate method is asked before its handler.
func ExampleOn_validate() {
	app, err := wsgate.New(&wsgate.Module{Gateways: []wsgate.Route{{Path: "/orders", New: NewOrders}}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(ctx)

	client, _, err := websocket.Dial(ctx, server.URL+"/orders", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseNow()
	for _, order := range []string{`{"type":"order","id":1,"amount":-1}`, `{"type":"order","id":2,"item":"vase","amount":1}`} {
		if err := client.Write(ctx, websocket.MessageText, []byte(order)); err != nil {
			log.Fatal(err)
		}
		_, answer, err := client.Read(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(answer))
	}
	// Output:
	// {"type":"error","id":1,"code":"invalid","message":"this is no order","details":{"amount":"is not positive","item":"is missing"}}
	// ordered 1 vase
	// {"type":"order","id":2}
}
