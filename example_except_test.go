package wsgate_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
)

const Shout wsgate.Event[string] = "shout"

// Valley has an echo: what one shouts, the others hear.
type Valley struct{}

func NewValley() *Valley { return &Valley{} }

func (g *Valley) OnOpen(_ context.Context, c *wsgate.Conn[struct{}]) error { return c.Join("valley") }

func (g *Valley) Events() wsgate.Events[struct{}] {
	return wsgate.Events[struct{}]{wsgate.On(Shout, g.shout)}
}

func (g *Valley) shout(_ context.Context, c *wsgate.Conn[struct{}], text string) error {
	return Shout.Emit(c.Room("valley").Except(c), text)
}

// An event for everybody in a room but the one who sent it.
func ExampleRoom_Except() {
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/valley", New: NewValley}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	server := httptest.NewServer(app)
	defer server.Close()
	defer app.Shutdown(ctx)

	people := map[string]*websocket.Conn{}
	for _, name := range []string{"ann", "bob"} {
		c, _, err := websocket.Dial(ctx, server.URL+"/valley", nil)
		if err != nil {
			log.Fatal(err)
		}
		defer c.CloseNow()
		people[name] = c
		// Everybody shouts once. The answer to the id says that it is done, and so that OnOpen is.
		if err := c.Write(ctx, websocket.MessageText, []byte(`{"type":"shout","id":1,"data":"it is `+name+`"}`)); err != nil {
			log.Fatal(err)
		}
		_, answer, err := c.Read(ctx)
		fmt.Printf("%s is told %s %v\n", name, answer, err)
	}
	_, message, err := people["ann"].Read(ctx)
	fmt.Printf("ann hears %s %v\n", message, err)
	// Output:
	// ann is told {"type":"shout","id":1} <nil>
	// bob is told {"type":"shout","id":1} <nil>
	// ann hears {"type":"shout","data":"it is bob"} <nil>
}
