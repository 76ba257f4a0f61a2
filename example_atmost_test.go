package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

const Ring wsgate.Event[struct{}] = "ring"

// Doorbell rings at most twice a minute for each client.
type Doorbell struct{}

func NewDoorbell() *Doorbell { return &Doorbell{} }

func (g *Doorbell) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{
		wsgate.On(Ring, g.ring).AtMost(2, time.Minute),
	}
}

func (g *Doorbell) ring(context.Context, *wsgate.Conn[struct{}], struct{}) error { return nil }

// A limit for one event.
func ExampleBinding_AtMost() {
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/bell", New: NewDoorbell}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(ctx)

	client, _, err := websocket.Dial(ctx, server.URL+"/bell", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseNow()
	for range 3 {
		if err := client.Write(ctx, websocket.MessageText, []byte(`{"type":"ring","id":1}`)); err != nil {
			log.Fatal(err)
		}
		_, answer, err := client.Read(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%.89s\n", answer)
	}
	// Output:
	// {"type":"ring","id":1}
	// {"type":"ring","id":1}
	// {"type":"error","id":1,"code":"rate_limited","message":"ring: at most 2 in 1m0s","details
}
