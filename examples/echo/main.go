// Command echo tells every client of ws://localhost:3100/ws what any of them says.
package main

import (
	"context"
	"log"

	"github.com/wsgate/wsgate"
)

type conn = wsgate.Conn[struct{}] // nothing is known about a connection

type Echo struct{}

func NewEcho() *Echo { return &Echo{} }

func (*Echo) OnOpen(_ context.Context, c *conn) error {
	log.Println("Client connected, total:", c.All().Len())
	return nil
}

func (*Echo) OnMessage(_ context.Context, c *conn, m wsgate.Message) error {
	log.Printf("Received: %s", m.Data)
	return c.All().Send(wsgate.Message{Type: m.Type, Data: append([]byte("Echo: "), m.Data...)})
}

func (*Echo) OnClose(_ context.Context, c *conn, _ error) {
	log.Println("Client disconnected, total:", c.All().Except(c).Len())
}

var Module = &wsgate.Module{Gateways: []wsgate.Route{{Path: "/ws", New: NewEcho}}}

func main() {
	app, err := wsgate.New(Module, &wsgate.Options{Hosts: []string{"localhost"}})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(app.Run(context.Background(), "localhost:3100"))
}
